import {expect} from 'chai';
import fc from 'fast-check';
import type {JsonObject, JsonValue, Outcome} from '../../../src/lib/core/ports.js';
import type {Body, Exchange, Reply, Transport, TransportFailure} from '../../../src/lib/gateway/exchange.js';
import {type Asked, outcomeOf, type Read} from '../../../src/lib/gateway/outcome.js';

const read: Read<string> = (body) => (typeof body.wanted === 'string' ? body.wanted : null);
const CONFIRM: Asked = {operation: 'confirm', id: 'pi_1'};
const OTHERS: readonly Asked[] = [
  {operation: 'create'},
  {operation: 'capture'},
  {operation: 'cancel'},
  {operation: 'read'},
];
const judge = (exchange: Exchange, asked: Asked = CONFIRM): Outcome<string> =>
  outcomeOf(asked, exchange, read, (text) => text);

const WHOLE: Transport = {connected: true, response_started: true, failure: null};
const KINDS = ['delivered', 'declined', 'refused', 'never_sent', 'retry', 'in_doubt', 'stop'];

function answer(status: number, value: JsonObject, headers: Record<string, string> = {}): Exchange {
  return {transport: WHOLE, reply: {status, headers, body: {kind: 'object', value}}};
}

function error(status: number, body: JsonObject, headers: Record<string, string> = {}): Exchange {
  return answer(status, {error: {type: 'invalid_request_error', message: 'No.', ...body}}, headers);
}

const card = {type: 'card_error'};
const REPLAYED = {'idempotent-replayed': 'true'};

/** The table of docs/GATEWAY.md, row by row, for a confirm. */
const TABLE: readonly (readonly [what: string, exchange: Exchange, kind: string])[] = [
  ['the object', answer(200, {wanted: 'it'}), 'delivered'],
  ['the object, created', answer(201, {wanted: 'it'}), 'delivered'],
  ['the object, told before', answer(200, {wanted: 'it'}, REPLAYED), 'delivered'],
  ['another object', answer(200, {other: 'it'}), 'in_doubt'],
  ['an error with 200', answer(200, {wanted: 'it', error: {type: 'api_error'}}), 'in_doubt'],
  ['a redirect', answer(302, {wanted: 'it'}), 'in_doubt'],
  ['a decline', error(402, {...card, code: 'card_declined'}), 'declined'],
  ['a decline, told before', error(402, {...card, code: 'card_declined'}, REPLAYED), 'declined'],
  ['a decline of this intent', error(402, {...card, payment_intent: {id: 'pi_1'}}), 'declined'],
  ['a decline of another intent', error(402, {...card, payment_intent: {id: 'pi_2'}}), 'in_doubt'],
  ['a decline of another intent, by its id', error(402, {...card, payment_intent: 'pi_2'}), 'in_doubt'],
  ['402 of another kind', error(402, {}), 'refused'],
  ['a card error with 400', error(400, card), 'refused'],
  ['a parameter error', error(400, {code: 'parameter_unknown'}), 'refused'],
  ['an intent in another state', error(400, {code: 'payment_intent_unexpected_state'}), 'refused'],
  ['a missing object', error(404, {code: 'resource_missing'}), 'refused'],
  ['a path the API does not know', error(404, {}), 'refused'],
  ['a key with other parameters', error(400, {type: 'idempotency_error'}), 'refused'],
  ['400 to be sent again', error(400, {}, {'stripe-should-retry': 'true'}), 'retry'],
  ['a lock timeout', error(400, {code: 'lock_timeout'}), 'retry'],
  ['a lock timeout with 429', error(429, {code: 'lock_timeout'}), 'retry'],
  ['409', error(409, {}), 'retry'],
  ['409, the key is in use', error(409, {code: 'idempotency_key_in_use'}), 'retry'],
  ['409 not to be sent again', error(409, {}, {'stripe-should-retry': 'false'}), 'in_doubt'],
  ['409, told before', error(409, {}, REPLAYED), 'in_doubt'],
  ['429', error(429, {}), 'retry'],
  ['429 to be sent again', error(429, {}, {'stripe-should-retry': 'true'}), 'retry'],
  ['429 not to be sent again', error(429, {}, {'stripe-should-retry': 'false'}), 'retry'],
  ['503', error(503, {}), 'retry'],
  ['503 not to be sent again', error(503, {}, {'stripe-should-retry': 'false'}), 'in_doubt'],
  ['503, told before', error(503, {}, REPLAYED), 'in_doubt'],
  ['408', error(408, {}), 'in_doubt'],
  ['500', error(500, {}), 'in_doubt'],
  ['500, told before', error(500, {}, REPLAYED), 'in_doubt'],
  ['500 to be sent again', error(500, {}, {'stripe-should-retry': 'true'}), 'in_doubt'],
  ['502', error(502, {}), 'in_doubt'],
  ['504', error(504, {}), 'in_doubt'],
  ['401', error(401, {}), 'stop'],
  ['403', error(403, {}), 'stop'],
  ['401 of something else', answer(401, {message: 'Unauthorized'}), 'in_doubt'],
  ['402 of something else', answer(402, {type: 'card_error'}), 'in_doubt'],
  ['404 of something else', answer(404, {message: 'Not Found'}), 'in_doubt'],
  ['503 of something else', answer(503, {message: 'Unavailable'}), 'in_doubt'],
];

/** Where the operation makes a difference: nothing but a confirm shows a card to anybody. */
const CARD_ERRORS: readonly (readonly [Asked['operation'], string])[] = [
  ['create', 'refused'],
  ['capture', 'refused'],
  ['cancel', 'refused'],
  ['read', 'in_doubt'],
];

describe('gateway: outcome classes', () => {
  for (const [what, exchange, kind] of TABLE) {
    it(`${what}: ${kind}`, () => expect(judge(exchange).kind).to.equal(kind));
  }

  for (const [operation, kind] of CARD_ERRORS) {
    it(`a card error as the answer to a ${operation} declines nothing: ${kind}`, () => {
      const asked = OTHERS.find((other) => other.operation === operation);
      expect(judge(error(402, {...card, code: 'card_declined'}), asked).kind).to.equal(kind);
    });
  }

  for (const failure of [
    'dns',
    'unreachable',
    'tls',
    'connect_timeout',
    'deadline',
    'aborted',
    'reset',
  ] as const) {
    it(`${failure} without a channel: never_sent; with one: in_doubt`, () => {
      const transport = {connected: false, response_started: false, failure};
      expect(judge({transport, reply: null}).kind).to.equal('never_sent');
      expect(judge({transport: {...transport, connected: true}, reply: null}).kind).to.equal('in_doubt');
    });
  }

  const SOFT: readonly (readonly [JsonObject, boolean])[] = [
    [{...card, code: 'processing_error'}, true],
    [{...card, code: 'card_declined', decline_code: 'issuer_not_available'}, true],
    [{...card, code: 'card_declined', decline_code: 'try_again_later'}, true],
    [{...card, code: 'card_declined', decline_code: 'generic_decline', advice_code: 'try_again_later'}, true],
    [{...card, code: 'processing_error', advice_code: 'do_not_try_again'}, false],
    [{...card, code: 'card_declined', decline_code: 'insufficient_funds'}, false],
    [{...card, code: 'expired_card'}, false],
  ];
  for (const [body, soft] of SOFT) {
    it(`${JSON.stringify(body)} is ${soft ? 'soft' : 'final'}`, () => {
      expect(judge(error(402, body))).to.include({kind: 'declined', soft});
    });
  }

  it('reads Retry-After in seconds, capped, and nothing else from it', () => {
    const delayOf = (value: string) => {
      const outcome = judge(error(429, {}, {'retry-after': value}));
      return outcome.kind === 'retry' ? outcome.retry_after_ms : undefined;
    };
    expect(delayOf('7')).to.equal(7000);
    expect(delayOf('999999999')).to.equal(86_400_000);
    expect(delayOf('Wed, 21 Oct 2026 07:28:00 GMT')).to.equal(null);
    expect(delayOf('-1')).to.equal(null);
    expect(judge(error(429, {}))).to.include({retry_after_ms: null});
  });

  describe('over every operation, status, header, body and transport', () => {
    const json = fc.jsonValue() as fc.Arbitrary<JsonValue>;
    const word = fc.constantFrom('card_error', 'api_error', 'lock_timeout', 'processing_error', '', 'x y');
    const intent = fc.constantFrom<JsonValue>('pi_1', 'pi_2', {id: 'pi_1'}, {id: 'pi_2'}, {});
    const errorBody = fc.record(
      {
        type: fc.oneof(word, json),
        code: fc.oneof(word, json),
        decline_code: fc.oneof(word, json),
        message: fc.oneof(fc.string(), json),
        payment_intent: fc.oneof(intent, json),
      },
      {requiredKeys: []},
    );
    const object = fc.oneof(
      {arbitrary: fc.record({error: errorBody}), weight: 4},
      {
        arbitrary: fc.record({error: fc.record({type: fc.constant('card_error'), payment_intent: intent})}),
        weight: 2,
      },
      fc.record({wanted: fc.string(), error: json}),
      fc.record({error: json}),
      fc.dictionary(fc.string(), json),
      fc.record({wanted: fc.string()}),
    ) as fc.Arbitrary<JsonObject>;
    const body: fc.Arbitrary<Body> = fc.oneof(
      {arbitrary: object.map((value) => ({kind: 'object', value}) as const), weight: 6},
      fc.constant({kind: 'not_an_object'} as const),
      fc.constant({kind: 'truncated'} as const),
    );
    const failure = fc.constantFrom<TransportFailure | null>(
      'dns',
      'unreachable',
      'tls',
      'connect_timeout',
      'deadline',
      'aborted',
      'reset',
      'protocol',
      null,
    );
    const headers = fc.dictionary(
      fc.constantFrom('stripe-should-retry', 'idempotent-replayed', 'retry-after', 'request-id', 'date'),
      fc.oneof(fc.constantFrom('true', 'false', '5', 'req_1'), fc.string()),
    );
    const status = fc.oneof(
      fc.constantFrom(200, 201, 302, 400, 401, 403, 404, 408, 409, 424, 425, 429, 499, 500, 502, 503, 504),
      fc.integer({min: 0, max: 999}),
      fc.constant(402),
    );
    const exchange: fc.Arbitrary<Exchange> = fc.record({
      transport: fc.record({connected: fc.boolean(), response_started: fc.boolean(), failure}),
      reply: fc.option(fc.record({status, headers, body}), {freq: 8}),
    });
    const asked = fc.oneof(fc.constant(CONFIRM), fc.constantFrom(...OTHERS));
    const replied = exchange.filter(({reply}) => reply !== null) as fc.Arbitrary<
      Exchange & {readonly reply: Reply}
    >;

    /** Holds a rule over everything that can come back. */
    const always = (rule: (given: Exchange, asked: Asked, outcome: Outcome<string>) => void): void =>
      fc.assert(
        fc.property(exchange, asked, (given, what) => {
          rule(given, what, judge(given, what));
        }),
        {numRuns: 3000},
      );
    /** The API's own error in a whole answer; null when somebody else answered, or nobody did. */
    const saidNo = ({reply}: Exchange): JsonObject | null => {
      const whole = reply?.body.kind === 'object' ? reply.body.value : null;
      const said = whole?.error;
      return typeof said === 'object' && said !== null && !Array.isArray(said) ? (said as JsonObject) : null;
    };

    it('is one class, whatever comes back', () => {
      always((_given, _asked, outcome) => {
        expect(KINDS).to.include(outcome.kind);
        if (outcome.kind !== 'delivered') expect(outcome.error.message).to.be.a('string').and.not.equal('');
      });
    });

    it('is never_sent exactly when no channel was open and nothing came', () => {
      always(({transport, reply}, _asked, {kind}) => {
        const nothing = reply === null && !transport.connected && !transport.response_started;
        expect(kind === 'never_sent').to.equal(nothing);
      });
    });

    it('is delivered exactly for a whole 2xx with the object asked for and no error', () => {
      always(({reply}, _asked, outcome) => {
        const whole = reply?.body.kind === 'object' ? reply.body.value : {};
        const success = reply !== null && reply.status >= 200 && reply.status <= 299;
        const there = success && whole.error === undefined && typeof whole.wanted === 'string';
        expect(outcome.kind === 'delivered').to.equal(there);
        if (outcome.kind === 'delivered') expect(outcome.value).to.equal(whole.wanted);
      });
    });

    it('is declined only for a confirm, with 402 and a card error, and never for another intent', () => {
      always((given, what, {kind}) => {
        if (kind !== 'declined') return;
        expect(what.operation).to.equal('confirm');
        expect(given.reply?.status).to.equal(402);
        expect(saidNo(given)?.type).to.equal('card_error');
        expect(JSON.stringify(saidNo(given)?.payment_intent ?? null)).to.not.match(/^"pi_2"|^{"id":"pi_2"/);
      });
    });

    it('proves something only by a whole answer in the shape of the API', () => {
      always((given, _asked, {kind}) => {
        if (['declined', 'refused', 'retry', 'stop'].includes(kind)) expect(saidNo(given)).to.not.equal(null);
      });
    });

    it('says that it may be sent again only where nothing was done: never after a 5xx but 503, never for a stored answer', () => {
      always(({reply}, _asked, {kind}) => {
        if (kind !== 'retry') return;
        expect(reply?.status).to.satisfy((code: number) => code === 503 || (code >= 400 && code <= 499));
        expect(reply?.status).to.not.equal(402);
        expect(reply?.headers['idempotent-replayed']).to.not.equal('true');
      });
    });

    it('stops exactly for credentials, and refuses only by a 4xx', () => {
      always((given, _asked, {kind}) => {
        const credentials = saidNo(given) !== null && [401, 403].includes(given.reply?.status ?? 0);
        expect(kind === 'stop').to.equal(credentials);
        if (kind === 'refused') expect(given.reply?.status).to.be.within(400, 499);
      });
    });

    it('does not go by the text of a message, an id or a date', () => {
      fc.assert(
        fc.property(replied, asked, fc.string(), fc.string(), (given, what, message, id) => {
          const said = saidNo(given);
          const value: JsonObject = said === null ? {} : {error: {...said, message}};
          const {body: was} = given.reply;
          const other: Reply = {
            status: given.reply.status,
            headers: {...given.reply.headers, 'request-id': id, date: id},
            body: was.kind === 'object' ? {kind: 'object', value: {...was.value, ...value}} : was,
          };
          expect(judge({...given, reply: other}, what).kind).to.equal(judge(given, what).kind);
        }),
      );
    });

    it('goes by the operation only for a card error', () => {
      always((given, what, {kind}) => {
        const ofCard = given.reply?.status === 402 && saidNo(given)?.type === 'card_error';
        if (!ofCard) expect(kind).to.equal(judge(given, CONFIRM).kind);
        if (what.operation !== 'confirm') expect(kind).to.not.equal('declined');
      });
    });

    it('is never surer for knowing less: cut off, replaced by a proxy, or gone, every answer is a doubt', () => {
      fc.assert(
        fc.property(replied, asked, (given, what) => {
          const {status: code, headers: sent} = given.reply;
          const less: readonly (Reply | null)[] = [
            {status: code, headers: sent, body: {kind: 'truncated'}},
            {status: code, headers: sent, body: {kind: 'not_an_object'}},
            {status: code, headers: sent, body: {kind: 'object', value: {message: 'Who are you?'}}},
            null,
          ];
          const transport = {connected: true, response_started: true, failure: null};
          for (const reply of less) expect(judge({transport, reply}, what).kind).to.equal('in_doubt');
        }),
      );
    });

    it('lets no advice undo an effect: a 5xx but 503 is a doubt under every header', () => {
      fc.assert(
        fc.property(headers, asked, fc.constantFrom(500, 501, 502, 504, 505, 599), (sent, what, code) => {
          expect(judge(error(code, {}, sent), what).kind).to.equal('in_doubt');
        }),
      );
    });

    it('passes no text on that was not redacted', () => {
      const redact = (text: string) => text.replaceAll('SECRET', '');
      fc.assert(
        fc.property(
          exchange,
          asked,
          fc.constantFrom('message', 'code', 'type', 'decline_code'),
          (given, what, where) => {
            const said = saidNo(given);
            if (given.reply === null || said === null) return;
            const planted = {error: {...said, [where]: 'xSECRETx'}};
            const reply: Reply = {
              ...given.reply,
              headers: {...given.reply.headers, 'request-id': 'req_SECRET'},
              body: {kind: 'object', value: planted},
            };
            const outcome = outcomeOf(what, {...given, reply}, read, redact);
            expect(JSON.stringify(outcome)).to.not.include('SECRET');
          },
        ),
      );
    });

    it('gives every status one class, for an error of the API', () => {
      for (const what of [CONFIRM, ...OTHERS]) {
        const classes = new Map<number, string>();
        for (let code = 0; code < 1000; code += 1) classes.set(code, judge(error(code, {}), what).kind);
        const statusesOf = (kind: string) =>
          [...classes].filter(([, is]) => is === kind).map(([code]) => code);
        expect(statusesOf('stop')).to.deep.equal([401, 403]);
        expect(statusesOf('retry')).to.deep.equal([409, 429, 503]);
        expect(statusesOf('never_sent')).to.deep.equal([]);
        expect(statusesOf('delivered')).to.deep.equal([]);
        expect(statusesOf('declined')).to.deep.equal([]);
        expect(statusesOf('refused').every((code) => code >= 400 && code <= 499)).to.equal(true);
      }
    });
  });
});
