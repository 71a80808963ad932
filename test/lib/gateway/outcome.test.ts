import {expect} from 'chai';
import fc from 'fast-check';
import type {JsonObject, JsonValue, Outcome} from '../../../src/lib/core/ports.js';
import type {Body, Exchange, Transport, TransportFailure} from '../../../src/lib/gateway/exchange.js';
import {outcomeOf, type Read} from '../../../src/lib/gateway/outcome.js';

const read: Read<string> = (body) => (typeof body.wanted === 'string' ? body.wanted : null);
const judge = (exchange: Exchange): Outcome<string> => outcomeOf(exchange, read, (text) => text);

const WHOLE: Transport = {connected: true, response_started: true, failure: null};
const KINDS = ['delivered', 'declined', 'refused', 'never_sent', 'retry', 'in_doubt', 'stop'];

function answer(status: number, value: JsonObject, headers: Record<string, string> = {}): Exchange {
  return {transport: WHOLE, reply: {status, headers, body: {kind: 'object', value}}};
}

function error(status: number, body: JsonObject, headers: Record<string, string> = {}): Exchange {
  return answer(status, {error: {type: 'invalid_request_error', message: 'No.', ...body}}, headers);
}

const card = {type: 'card_error'};

/** The table of docs/GATEWAY.md, row by row. */
const TABLE: readonly (readonly [what: string, exchange: Exchange, kind: string])[] = [
  ['the object', answer(200, {wanted: 'it'}), 'delivered'],
  ['the object, created', answer(201, {wanted: 'it'}), 'delivered'],
  ['another object', answer(200, {other: 'it'}), 'in_doubt'],
  ['an error with 200', answer(200, {wanted: 'it', error: {type: 'api_error'}}), 'in_doubt'],
  ['a redirect', answer(302, {wanted: 'it'}), 'in_doubt'],
  ['a decline', error(402, {...card, code: 'card_declined'}), 'declined'],
  ['402 of another kind', error(402, {}), 'refused'],
  ['a parameter error', error(400, {code: 'parameter_unknown'}), 'refused'],
  ['a missing object', error(404, {code: 'resource_missing'}), 'refused'],
  ['a key with other parameters', error(400, {type: 'idempotency_error'}), 'refused'],
  ['400 to be sent again', error(400, {}, {'stripe-should-retry': 'true'}), 'retry'],
  ['a lock timeout', error(400, {code: 'lock_timeout'}), 'retry'],
  ['409', error(409, {}), 'retry'],
  ['409 not to be sent again', error(409, {}, {'stripe-should-retry': 'false'}), 'in_doubt'],
  ['429', error(429, {}), 'retry'],
  ['429 not to be sent again', error(429, {}, {'stripe-should-retry': 'false'}), 'retry'],
  ['503', error(503, {}), 'retry'],
  ['503 not to be sent again', error(503, {}, {'stripe-should-retry': 'false'}), 'in_doubt'],
  ['408', error(408, {}), 'in_doubt'],
  ['500', error(500, {}), 'in_doubt'],
  ['500 to be sent again', error(500, {}, {'stripe-should-retry': 'true'}), 'in_doubt'],
  ['502', error(502, {}), 'in_doubt'],
  ['504', error(504, {}), 'in_doubt'],
  ['401', error(401, {}), 'stop'],
  ['403', error(403, {}), 'stop'],
  ['401 of something else', answer(401, {message: 'Unauthorized'}), 'in_doubt'],
  ['404 of something else', answer(404, {message: 'Not Found'}), 'in_doubt'],
];

describe('gateway: outcome classes', () => {
  for (const [what, exchange, kind] of TABLE) {
    it(`${what}: ${kind}`, () => expect(judge(exchange).kind).to.equal(kind));
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

  describe('over every status, body and transport', () => {
    const json = fc.jsonValue() as fc.Arbitrary<JsonValue>;
    const word = fc.constantFrom('card_error', 'api_error', 'lock_timeout', 'processing_error', '', 'x y');
    const errorBody = fc.record(
      {
        type: fc.oneof(word, json),
        code: fc.oneof(word, json),
        decline_code: fc.oneof(word, json),
        message: fc.oneof(fc.string(), json),
        payment_intent: json,
      },
      {requiredKeys: []},
    );
    const object = fc.oneof(
      fc.dictionary(fc.string(), json),
      fc.record({error: fc.oneof(errorBody, json)}),
      fc.record({wanted: fc.string()}),
    ) as fc.Arbitrary<JsonObject>;
    const body: fc.Arbitrary<Body> = fc.oneof(
      object.map((value) => ({kind: 'object', value}) as const),
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
      fc.constantFrom('stripe-should-retry', 'retry-after', 'request-id', 'date'),
      fc.oneof(fc.constantFrom('true', 'false', '5', 'req_1'), fc.string()),
    );
    const exchange: fc.Arbitrary<Exchange> = fc.record({
      transport: fc.record({connected: fc.boolean(), response_started: fc.boolean(), failure}),
      reply: fc.option(fc.record({status: fc.integer({min: 0, max: 999}), headers, body})),
    });

    it('holds what the forwarder relies on', () => {
      fc.assert(
        fc.property(exchange, (given) => {
          const outcome = judge(given);
          const status = given.reply?.status ?? 0;
          const whole = given.reply?.body.kind === 'object' ? given.reply.body.value : null;
          expect(KINDS).to.include(outcome.kind);
          if (outcome.kind === 'never_sent') {
            expect(given.reply).to.equal(null);
            expect(given.transport.connected || given.transport.response_started).to.equal(false);
          }
          if (status >= 200 && status <= 299) expect(outcome.kind).to.be.oneOf(['delivered', 'in_doubt']);
          if (status === 500 || status === 502 || status === 504) expect(outcome.kind).to.equal('in_doubt');
          if (outcome.kind === 'delivered') expect(outcome.value).to.equal(whole?.wanted);
          if (outcome.kind === 'declined') expect(status).to.equal(402);
          if (outcome.kind === 'stop') expect(status).to.be.oneOf([401, 403]);
          // Everything but a doubt needs a whole answer in the API's own shape.
          if (!['delivered', 'never_sent', 'in_doubt'].includes(outcome.kind)) {
            expect(whole).to.have.property('error').that.is.an('object');
          }
          if (outcome.kind !== 'delivered') expect(outcome.error.message).to.be.a('string');
        }),
        {numRuns: 3000},
      );
    });

    it('gives every status one class, for an error of the API', () => {
      const classes = new Map<number, string>();
      for (let status = 0; status < 1000; status += 1) classes.set(status, judge(error(status, {})).kind);
      const statusesOf = (kind: string) =>
        [...classes].filter(([, is]) => is === kind).map(([status]) => status);
      expect(statusesOf('stop')).to.deep.equal([401, 403]);
      expect(statusesOf('retry')).to.deep.equal([409, 429, 503]);
      expect(statusesOf('never_sent')).to.deep.equal([]);
      expect(statusesOf('delivered')).to.deep.equal([]);
      expect(statusesOf('refused').every((status) => status >= 400 && status <= 499)).to.equal(true);
    });
  });
});
