import type * as net from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {Gateway} from '../../../src/lib/core/ports.js';
import {httpAnswer, type Peer, startPeer} from './peer.js';
import {call, delivered, failed, gatewayTo} from './world.js';

const ACCOUNT = httpAnswer(200, '{"object":"account","id":"acct_1"}');
const INTENT = httpAnswer(
  200,
  JSON.stringify({
    object: 'payment_intent',
    id: 'pi_1',
    status: 'requires_capture',
    amount: 1200,
    amount_capturable: 1200,
    amount_received: 0,
    created: 1,
    currency: 'usd',
    capture_method: 'manual',
    livemode: false,
    metadata: {},
    latest_charge: null,
    last_payment_error: null,
    cancellation_reason: null,
  }),
);

/** A peer that answers the account, and keeps what else is asked until `answer` is called. */
interface Slow extends Peer {
  /** Sockets with a request that was not answered. */
  readonly waiting: net.Socket[];
  answer(): void;
}

async function startSlow(): Promise<Slow> {
  const waiting: net.Socket[] = [];
  const peer = await startPeer((socket, text) => {
    if (text.startsWith('GET /v1/account')) socket.write(ACCOUNT);
    else waiting.push(socket);
  });
  const answer = (): void => {
    for (const socket of waiting.splice(0)) socket.write(INTENT);
  };
  return {...peer, waiting, answer};
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds(); turn += 1) {
    if (turn > 500) throw new Error(`never came: ${what}`);
    await sleep(5);
  }
}

describe('gateway: connections', () => {
  let peer: Slow;
  let gateway: Gateway;
  beforeEach(async () => {
    peer = await startSlow();
    gateway = gatewayTo(peer.url, {deadlines: {connect_ms: 2000, total_ms: 2000}});
  });
  afterEach(async () => {
    await gateway.close();
    await peer.close();
  });
  const hang = () => gateway.capturePaymentIntent('pi_1', call(gateway, {}));

  it('gives each of many calls under way its own answer, in whatever order they come', async () => {
    const asked: (() => void)[] = [];
    const backwards = await startPeer((socket, text) => {
      const id = /^GET \/v1\/payment_intents\/(\w+)/.exec(text)?.[1] ?? '';
      asked.push(() => socket.write(INTENT.replace('"pi_1"', JSON.stringify(id))));
    });
    const busy = gatewayTo(backwards.url);
    const ids = Array.from({length: 9}, (_, n) => `pi_${n}`);
    const calls = ids.map((id) => busy.retrievePaymentIntent(id));
    await until('nine requests', () => asked.length === 9);
    for (const answer of asked.reverse()) answer();
    const outcomes = await Promise.all(calls);
    expect(outcomes.map((outcome) => delivered(outcome).id)).to.deep.equal(ids);
    await busy.close();
    await backwards.close();
  });

  it('a probe is answered while every connection of the pool hangs', async () => {
    const hanging = Array.from({length: 8}, hang);
    await until('eight requests', () => peer.waiting.length === 8);
    const probes = await Promise.all([gateway.probe(), gateway.probe(), gateway.probe()]);
    for (const probe of probes) expect(delivered(probe).id).to.equal('acct_1');
    expect(peer.connections()).to.equal(11);
    peer.answer();
    for (const outcome of await Promise.all(hanging)) expect(delivered(outcome).id).to.equal('pi_1');
  });

  it('a probe never takes a connection another request left, and leaves none', async () => {
    delivered(await gateway.account());
    delivered(await gateway.probe());
    expect(peer.connections()).to.equal(2);
    delivered(await gateway.probe());
    expect(peer.connections()).to.equal(3);
    delivered(await gateway.account());
    expect(peer.connections()).to.equal(3);
  });

  it('a probe keeps its own deadlines', async () => {
    const silent = await startPeer(() => {});
    const impatient = gatewayTo(silent.url, {probeDeadlines: {total_ms: 80}});
    const probes = await Promise.all([impatient.probe(), impatient.probe()]);
    for (const probe of probes) expect(failed(probe, 'in_doubt').error.code).to.equal('deadline');
    await impatient.close();
    await silent.close();
  });

  it('renew leaves a request under way alone, and closes its connection after it', async () => {
    const confirm = hang();
    await until('the request', () => peer.waiting.length === 1);
    const [old] = peer.waiting;
    gateway.renew();
    delivered(await gateway.account());
    expect(peer.connections()).to.equal(2);
    expect(old?.readableEnded).to.equal(false);
    peer.answer();
    expect(delivered(await confirm).id).to.equal('pi_1');
    await until('the end of the old connection', () => old?.readableEnded === true);
    delivered(await gateway.account());
    expect(peer.connections()).to.equal(2);
  });

  it('renew gives up connections that idle', async () => {
    delivered(await gateway.account());
    delivered(await gateway.account());
    expect(peer.connections()).to.equal(1);
    gateway.renew();
    delivered(await gateway.account());
    expect(peer.connections()).to.equal(2);
  });

  it('close ends what is under way since before a renew, in doubt', async () => {
    const confirms = [hang()];
    await until('the first request', () => peer.waiting.length === 1);
    gateway.renew();
    gateway.renew();
    confirms.push(hang());
    await until('the second request', () => peer.waiting.length === 2);
    await gateway.close();
    for (const outcome of await Promise.all(confirms))
      expect(failed(outcome, 'in_doubt').error.code).to.equal('reset');
  });
});
