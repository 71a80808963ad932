import {expect} from 'chai';
import type {Gateway, Outcome} from '../../../src/lib/core/ports.js';
import {closedPort, httpAnswer, type Peer, startPeer} from './peer.js';
import {createIntent, failed, gatewayTo, KEY, prepared} from './world.js';

/** Runs `act` with a gateway to a peer that treats every request as told. */
async function against(
  onRequest: Parameters<typeof startPeer>[0],
  act: (gateway: Gateway, peer: Peer) => Promise<void>,
  options: Parameters<typeof gatewayTo>[1] = {},
): Promise<void> {
  const peer = await startPeer(onRequest);
  const gateway = gatewayTo(peer.url, {deadlines: {connect_ms: 400, total_ms: 400}, ...options});
  try {
    await act(gateway, peer);
  } finally {
    await gateway.close();
    await peer.close();
  }
}

const codeOf = (outcome: Outcome<unknown>, kind: 'in_doubt' | 'never_sent' | 'retry' | 'stop' | 'refused') =>
  failed(outcome, kind).error.code;

describe('gateway: the wire', () => {
  it('knows that a refused connection sent nothing', async () => {
    const gateway = gatewayTo(`http://127.0.0.1:${await closedPort()}`);
    expect(codeOf(await createIntent(gateway), 'never_sent')).to.equal('unreachable');
    await gateway.close();
  });

  it('knows that a name that does not resolve sent nothing', async () => {
    const gateway = gatewayTo('http://nowhere.invalid', {deadlines: {total_ms: 5000}});
    // Some resolvers are slow to say no, which is no different for the money.
    expect(codeOf(await createIntent(gateway), 'never_sent')).to.be.oneOf(['dns', 'connect_timeout']);
    await gateway.close();
  });

  it('asks the route for every request: a cut network is never_sent, also over a warm connection', async () => {
    const closed = await closedPort();
    let cut = false;
    const answer = httpAnswer(200, '{"object":"account","id":"acct_1"}');
    await against(
      (socket) => socket.write(answer),
      async (gateway, peer) => {
        expect((await gateway.account()).kind).to.equal('delivered');
        cut = true;
        expect(codeOf(await gateway.account(), 'never_sent')).to.equal('unreachable');
        cut = false;
        expect((await gateway.account()).kind).to.equal('delivered');
        expect(peer.requests()).to.have.length(2);
      },
      {route: (host, port) => (cut ? {host: '127.0.0.1', port: closed} : {host, port})},
    );
  });

  it('names the API in the Host header wherever the route leads', async () => {
    const peer = await startPeer((socket) =>
      socket.write(httpAnswer(200, '{"object":"account","id":"acct_1"}')),
    );
    const gateway = gatewayTo('http://api.example.com', {
      route: () => ({host: '127.0.0.1', port: peer.port}),
    });
    expect((await gateway.account()).kind).to.equal('delivered');
    expect(peer.received()).to.match(/^Host: api\.example\.com\r$/m);
    await gateway.close();
    await peer.close();
  });

  it('is in doubt after a reset, and sends a confirm only once', async () => {
    await against(
      (socket) => socket.resetAndDestroy(),
      async (gateway, peer) => {
        expect(codeOf(await createIntent(gateway), 'in_doubt')).to.equal('reset');
        expect(peer.requests()).to.have.length(1);
        const {confirm, sealed} = await fakePrepared();
        expect(codeOf(await gateway.confirmPaymentIntent('pi_1', confirm, sealed), 'in_doubt')).to.equal(
          'reset',
        );
        expect(peer.requests()).to.deep.equal([
          'POST /v1/payment_intents',
          'POST /v1/payment_intents/pi_1/confirm',
        ]);
      },
    );
  });

  it('never sends twice on a reset of a kept-alive connection either', async () => {
    let served = 0;
    const answer = httpAnswer(200, '{"object":"account","id":"acct_1"}');
    await against(
      (socket) => {
        served += 1;
        if (served === 1) socket.write(answer);
        else socket.resetAndDestroy();
      },
      async (gateway, peer) => {
        expect((await gateway.account()).kind).to.equal('delivered');
        expect(codeOf(await createIntent(gateway), 'in_doubt')).to.equal('reset');
        expect(peer.connections()).to.equal(1);
        expect(peer.requests()).to.have.length(2);
      },
    );
  });

  it('is in doubt when nothing comes before the deadline, and then not later', async () => {
    await against(
      () => {},
      async (gateway) => {
        const began = performance.now();
        expect(codeOf(await createIntent(gateway), 'in_doubt')).to.equal('deadline');
        expect(performance.now() - began).to.be.within(380, 2500);
      },
    );
  });

  it('keeps the deadline against an answer that drips', async () => {
    await against(
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{');
        const timer = setInterval(() => socket.write(' '), 20);
        socket.on('close', () => clearInterval(timer));
      },
      async (gateway) => {
        const began = performance.now();
        expect(codeOf(await createIntent(gateway), 'in_doubt')).to.equal('answer_truncated');
        expect(performance.now() - began).to.be.lessThan(2500);
      },
    );
  });

  it('a connection that opens too late, or TLS that is none, sent nothing', async () => {
    const hung = await startPeer(() => {});
    const deadlines = {connect_ms: 150, total_ms: 2000};
    const tls = gatewayTo(`https://127.0.0.1:${hung.port}`, {deadlines});
    const {confirm, sealed} = await fakePrepared();
    expect(codeOf(await tls.confirmPaymentIntent('pi_1', confirm, sealed), 'never_sent')).to.equal(
      'connect_timeout',
    );
    expect(hung.requests()).to.deep.equal([]);
    expect(hung.received()).to.not.include(confirm.idempotency_key);
    const plain = await startPeer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const mistaken = gatewayTo(`https://127.0.0.1:${plain.port}`, {deadlines});
    expect(codeOf(await createIntent(mistaken), 'never_sent')).to.equal('tls');
    for (const gateway of [tls, mistaken]) await gateway.close();
    for (const peer of [hung, plain]) await peer.close();
  });

  const ANSWERS: readonly (readonly [what: string, bytes: string, code: string])[] = [
    ['HTML of a proxy', httpAnswer(502, '<html></html>'), 'answer_not_json'],
    ['HTML with 200 of a captive portal', httpAnswer(200, '<html></html>'), 'answer_not_json'],
    ['a bare number', httpAnswer(200, '5'), 'answer_not_json'],
    ['a bare null', httpAnswer(200, 'null'), 'answer_not_json'],
    ['a list', httpAnswer(200, '[]'), 'answer_not_json'],
    ['an empty body', httpAnswer(200, ''), 'answer_not_json'],
    ['another object', httpAnswer(200, '{"object":"charge","id":"ch_1"}'), 'answer_not_recognised'],
    ['a redirect', httpAnswer(302, '{}', ['Location: http://127.0.0.1:1/']), 'answer_not_recognised'],
    ['no HTTP', 'SSH-2.0-nonsense\r\n\r\n', 'reset'],
  ];
  for (const [what, bytes, code] of ANSWERS) {
    it(`is in doubt about ${what}`, async () => {
      await against(
        (socket) => socket.write(bytes),
        async (gateway, peer) => {
          const got = codeOf(await createIntent(gateway), 'in_doubt');
          expect(got).to.equal(code === 'reset' ? 'protocol' : code);
          expect(peer.requests()).to.have.length(1);
        },
      );
    });
  }

  it('is in doubt about a body that breaks off', async () => {
    await against(
      (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"object":"payment_intent"'),
      async (gateway, peer) => {
        expect(codeOf(await createIntent(gateway), 'in_doubt')).to.equal('answer_truncated');
        expect(peer.requests()).to.have.length(1);
      },
    );
  });

  it('is in doubt about a confirm answered with another intent', async () => {
    const other = JSON.stringify({
      object: 'payment_intent',
      id: 'pi_2',
      status: 'requires_capture',
      amount: 1,
      amount_capturable: 1,
      amount_received: 0,
      created: 1,
      currency: 'usd',
      capture_method: 'manual',
      livemode: false,
      metadata: {},
      latest_charge: null,
      last_payment_error: null,
      cancellation_reason: null,
    });
    await against(
      (socket) => socket.write(httpAnswer(200, other)),
      async (gateway) => {
        const {confirm, sealed} = await fakePrepared();
        codeOf(await gateway.confirmPaymentIntent('pi_1', confirm, sealed), 'in_doubt');
        expect((await gateway.confirmPaymentIntent('pi_2', confirm, sealed)).kind).to.equal('delivered');
      },
    );
  });

  it('gives up at once when told to: before the connection never_sent, after it in_doubt', async () => {
    await against(
      () => {},
      async (gateway) => {
        expect(codeOf(await gateway.account(AbortSignal.abort()), 'never_sent')).to.equal('aborted');
        const stopping = new AbortController();
        setTimeout(() => stopping.abort(), 60);
        expect(codeOf(await gateway.account(stopping.signal), 'in_doubt')).to.equal('aborted');
      },
    );
  });

  it('sends frozen calls as they are: version, key, parameters', async () => {
    await against(
      (socket) => socket.write(httpAnswer(200, '{}')),
      async (gateway, peer) => {
        await gateway.createPaymentIntent({
          api_version: '2026-09-30.old',
          idempotency_key: 'key-1',
          params: {amount: 100, metadata: {a: 'b'}},
        });
        expect(peer.received()).to.match(/^Stripe-Version: 2026-09-30\.old\r$/m);
        expect(peer.received()).to.match(/^Idempotency-Key: key-1\r$/m);
        expect(peer.received()).to.include('amount=100&metadata[a]=b');
        expect(peer.received()).to.not.match(/telemetry/i);
      },
    );
  });

  it('leaves the frozen parameters as they are: the journal holds the same objects', async () => {
    await against(
      (socket) => socket.write(httpAnswer(200, '{}')),
      async (gateway, peer) => {
        const {confirm, sealed} = await fakePrepared();
        const untouchable = deepFreeze(structuredClone(confirm));
        await gateway.createPaymentIntent(untouchable);
        await gateway.confirmPaymentIntent('pi_1', untouchable, deepFreeze(structuredClone(sealed)));
        await gateway.capturePaymentIntent('pi_1', untouchable);
        await gateway.cancelPaymentIntent('pi_1', untouchable);
        expect(peer.requests()).to.have.length(4);
      },
    );
  });

  it('sends nothing where sealed data is not accepted', async () => {
    await against(
      () => {},
      async (gateway, peer) => {
        const {confirm, sealed} = await fakePrepared();
        const outcome = await gateway.confirmPaymentIntent('pi_1', confirm, sealed);
        expect(failed(outcome, 'stop').error).to.include({type: 'stowpay', code: 'forwarding_not_supported'});
        expect(peer.connections()).to.equal(0);
      },
      {acceptsSealedData: false},
    );
  });

  it('lets no key, card number or sealed data through, whatever the API echoes', async () => {
    const {confirm, sealed} = await fakePrepared();
    const secret = 'sk_test_planted_0123456789abcdef';
    const echo = `Bad key ${secret} or ${KEY} for 4242 4242 4242 4242, ${Object.values(sealed.tags).join(' ')}`;
    for (const status of [400, 401, 402, 429, 500]) {
      const error = {type: status === 402 ? 'card_error' : 'x', code: secret, message: `${echo}\u001b[31m`};
      const body = JSON.stringify({
        error: {...error, decline_code: echo, payment_intent: {last_payment_error: error}},
      });
      await against(
        (socket) => socket.write(httpAnswer(status, body, [`Request-Id: ${echo.slice(0, 60)}`])),
        async (gateway) => {
          const text = JSON.stringify(await gateway.confirmPaymentIntent('pi_1', confirm, sealed));
          for (const forbidden of [KEY, 'planted', '4242 4242', '\\u001b', ...Object.values(sealed.tags)]) {
            expect(text).to.not.include(forbidden);
          }
        },
        {apiKey: secret},
      );
    }
  });

  it('refuses addresses and keys that cannot be meant', () => {
    for (const url of ['ftp://x', 'http://x/v1', 'https://user@x', 'nonsense', 'https://x/?a=b']) {
      expect(() => gatewayTo(url))
        .to.throw()
        .with.property('code', 'profile_invalid');
    }
    for (const apiKey of ['', 'short', `${KEY}\n`, 'sk_test_ü0000000']) {
      expect(() => gatewayTo('https://x', {apiKey}))
        .to.throw()
        .with.property('code', 'authentication_failed');
    }
  });
});

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}

/** Frozen calls need no API: build them with a gateway that never connects. */
async function fakePrepared() {
  const peer = await startPeer((socket) =>
    socket.write(
      httpAnswer(
        200,
        JSON.stringify({
          object: 'payment_intent',
          id: 'pi_1',
          status: 'requires_payment_method',
          amount: 1200,
          amount_capturable: 0,
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
      ),
    ),
  );
  const gateway = gatewayTo(peer.url);
  const ready = await prepared(gateway);
  await gateway.close();
  await peer.close();
  return ready;
}
