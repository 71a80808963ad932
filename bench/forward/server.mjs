// A payment API in memory, in a process of its own: as little work as is possible while it still judges.
// It keeps what the real one keeps: idempotency keys with their answers, and the state of every intent.
import {createServer} from 'node:http';

let latencyMs = 0;
let intents = new Map();
let replies = new Map();
let last = 0;

function intentObject(intent) {
  const charge = intent.confirms === 0 ? null : chargeOf(intent);
  return {
    id: intent.id,
    object: 'payment_intent',
    amount: intent.amount,
    amount_capturable: 0,
    amount_received: intent.status === 'succeeded' ? intent.amount : 0,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: 'automatic',
    client_secret: `${intent.id}_secret_0000000000000000000000000`,
    confirmation_method: 'automatic',
    created: intent.created,
    currency: 'usd',
    customer: null,
    description: null,
    last_payment_error: null,
    latest_charge: charge,
    livemode: false,
    metadata: intent.metadata,
    next_action: null,
    payment_method: null,
    payment_method_types: ['card_present'],
    receipt_email: null,
    status: intent.status,
  };
}

function chargeOf(intent) {
  return {
    id: `ch${intent.id.slice(2)}`,
    object: 'charge',
    amount: intent.amount,
    amount_captured: intent.amount,
    authorization_code: '123456',
    captured: true,
    created: intent.created,
    currency: 'usd',
    paid: true,
    payment_intent: intent.id,
    payment_method_details: {
      type: 'card_present',
      card_present: {
        brand: 'visa',
        capture_before: null,
        last4: '4242',
        offline: {stored_at: intent.created, type: 'deferred'},
        receipt: {account_type: 'credit', authorization_code: '123456', authorization_response_code: '3030'},
      },
    },
    status: 'succeeded',
  };
}

const refusal = (status, type, code) => ({status, body: {error: {type, code, message: `${type}: ${code}`}}});

function create(form) {
  const amount = Number(form.get('amount'));
  if (!Number.isSafeInteger(amount) || form.get('currency') !== 'usd')
    return refusal(400, 'invalid_request_error', 'parameter_invalid');
  last += 1;
  const intent = {
    id: `pi_${String(last).padStart(24, '0')}`,
    amount,
    created: Math.floor(Date.now() / 1000),
    metadata: {stowpay_id: form.get('metadata[stowpay_id]') ?? ''},
    status: 'requires_payment_method',
    confirms: 0,
  };
  intents.set(intent.id, intent);
  return {status: 200, body: intentObject(intent)};
}

function confirm(intent, form) {
  if (intent.status !== 'requires_payment_method')
    return refusal(400, 'invalid_request_error', 'payment_intent_unexpected_state');
  if (!form.has('payment_method_data[card_present][sealed][57]'))
    return refusal(400, 'invalid_request_error', 'parameter_missing');
  intent.confirms += 1;
  intent.status = 'succeeded';
  return {status: 200, body: intentObject(intent)};
}

function decide(method, path, text) {
  if (path === '/v1/account') return {status: 200, body: {object: 'account', id: 'acct_bench'}};
  if (method === 'POST' && path === '/v1/payment_intents') return create(new URLSearchParams(text));
  const [, id, act] = /^\/v1\/payment_intents\/(pi_\d+)(?:\/(confirm))?$/.exec(path) ?? [];
  const intent = intents.get(id);
  if (intent === undefined) return refusal(404, 'invalid_request_error', 'resource_missing');
  if (method === 'GET') return {status: 200, body: intentObject(intent)};
  if (act === 'confirm') return confirm(intent, new URLSearchParams(text));
  return refusal(404, 'invalid_request_error', 'resource_missing');
}

/** The same key gets the same answer; with other words it is refused. */
function answer(method, path, text, key) {
  const before = key === undefined ? undefined : replies.get(key);
  if (before !== undefined) {
    if (before.asked !== `${path}\n${text}`) return refusal(400, 'idempotency_error', null);
    return {...before, replayed: true};
  }
  const {status, body} = decide(method, path, text);
  const reply = {asked: `${path}\n${text}`, status, bytes: Buffer.from(JSON.stringify(body))};
  if (key !== undefined) replies.set(key, reply);
  return reply;
}

function send(response, reply) {
  const bytes = reply.bytes ?? Buffer.from(JSON.stringify(reply.body));
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': bytes.length,
    'Request-Id': 'req_bench',
    ...(reply.replayed ? {'Idempotent-Replayed': 'true'} : {}),
  };
  response.writeHead(reply.status, headers);
  response.end(bytes);
}

const server = createServer({keepAliveTimeout: 60_000}, (request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString('latin1');
    const path = request.url.replace(/\?.*/, '');
    const reply = answer(request.method, path, text, request.headers['idempotency-key']);
    if (latencyMs === 0) send(response, reply);
    else setTimeout(send, latencyMs, response, reply);
  });
});

/** What was done: every intent, how often it was confirmed, and for how much in all. */
function ledger() {
  const all = [...intents.values()];
  return {
    intents: all.length,
    once: all.filter(({confirms}) => confirms === 1).length,
    payments: new Set(all.map(({metadata}) => metadata.stowpay_id)).size,
    amount: all.reduce((sum, {amount, confirms}) => sum + amount * confirms, 0),
  };
}

process.on('message', ({task, ms}) => {
  if (task === 'reset') {
    latencyMs = 0;
    intents = new Map();
    replies = new Map();
  } else if (task === 'latency') latencyMs = ms;
  process.send(ledger());
});
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send({port: server.address().port}));
