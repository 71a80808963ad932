// Those that are compared. Each brings the payments it is given to the API: create, then confirm.
import * as http from 'node:http';
import {API_KEY, requestsOf} from './queue.mjs';

const keyOf = (number, operation) => `bench-${number}-${operation}`;

/** `stowpay forward` in process: the journal, synced, and the gateway. */
async function stowpay({directory}) {
  const {openTerminal} = await import('../../dist/lib/index.js');
  const terminal = await openTerminal({
    dataDirectory: {value: directory, from: 'the benchmark'},
    profile: {value: 'bench', from: 'the benchmark'},
  });
  return {
    async forward(from, to, onPayment) {
      const request = {
        names: [],
        limit: to - from,
        dryRun: false,
        onProgress: (_done, _total, item) => item && onPayment(),
      };
      const {outcomes, forwarding_failure} = await terminal.forward(request);
      const captured = outcomes.captured?.count ?? 0;
      if (captured !== to - from)
        throw new Error(`captured ${captured}: ${JSON.stringify({outcomes, forwarding_failure})}`);
    },
    close: () => terminal.close(),
  };
}

/** stowpay's gateway alone, one payment after the other: what is left of the cost without the journal. */
async function gateway({origin}) {
  const {openGateway} = await import('../../dist/lib/gateway/open-gateway.js');
  const to = openGateway({baseUrl: origin, apiKey: API_KEY, origin, acceptsSealedData: true});
  const call = (number, operation, params) => ({
    api_version: to.apiVersion,
    idempotency_key: keyOf(number, operation),
    params,
  });
  return oneByOne(
    async (number) => {
      const {create, confirm, sealed} = requestsOf(number);
      const created = await to.createPaymentIntent(call(number, 'create', create));
      const confirmed = await to.confirmPaymentIntent(
        created.value.id,
        call(number, 'confirm', confirm),
        sealed,
      );
      if (confirmed.value?.status !== 'succeeded') throw new Error(JSON.stringify(confirmed));
    },
    () => to.close(),
  );
}

/** The loop everybody writes first: the official client, one payment after the other, nothing written down. */
async function stripe({origin}) {
  const {default: Stripe} = await import('stripe');
  const {hostname, port} = new URL(origin);
  const client = new Stripe(API_KEY, {
    host: hostname,
    port: Number(port),
    protocol: 'http',
    telemetry: false,
  });
  return oneByOne(async (number) => {
    const {create, wholeConfirm} = requestsOf(number);
    const {id} = await client.paymentIntents.create(create, {idempotencyKey: keyOf(number, 'create')});
    const options = {idempotencyKey: keyOf(number, 'confirm')};
    const {status} = await client.paymentIntents.confirm(id, wholeConfirm, options);
    if (status !== 'succeeded') throw new Error(status);
  });
}

/** The least that does it: `node:http` with keep-alive, one payment after the other, an answer parsed. */
async function bare({origin}) {
  const {hostname, port} = new URL(origin);
  const agent = new http.Agent({keepAlive: true});
  const post = (path, params, key) =>
    new Promise((resolve, reject) => {
      const body = formOf(params);
      const headers = {
        Authorization: `Bearer ${API_KEY}`,
        'Content-Type': 'application/x-www-form-urlencoded',
        'Content-Length': Buffer.byteLength(body),
        'Idempotency-Key': key,
      };
      const request = http.request({agent, hostname, port, path, method: 'POST', headers}, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString('utf8'))));
      });
      request.on('error', reject);
      request.end(body);
    });
  return oneByOne(
    async (number) => {
      const {create, wholeConfirm} = requestsOf(number);
      const {id} = await post('/v1/payment_intents', create, keyOf(number, 'create'));
      const {status} = await post(
        `/v1/payment_intents/${id}/confirm`,
        wholeConfirm,
        keyOf(number, 'confirm'),
      );
      if (status !== 'succeeded') throw new Error(status);
    },
    () => agent.destroy(),
  );
}

function oneByOne(act, close = () => {}) {
  return {
    async forward(from, to, onPayment) {
      for (let number = from; number < to; number += 1) {
        await act(number);
        onPayment();
      }
    },
    close,
  };
}

function formOf(params) {
  const form = new URLSearchParams();
  const add = (name, value) => {
    if (Array.isArray(value)) for (const [index, one] of value.entries()) add(`${name}[${index}]`, one);
    else if (typeof value === 'object')
      for (const [key, one] of Object.entries(value)) add(`${name}[${key}]`, one);
    else form.append(name, String(value));
  };
  for (const [name, value] of Object.entries(params)) add(name, value);
  return form.toString();
}

export const FORWARDERS = {stowpay, gateway, stripe, bare};
