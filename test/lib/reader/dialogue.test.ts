import {expect} from 'chai';
import fc from 'fast-check';
import type {CardAnswer, CardFailure, CardRead, ReadMethod} from '../../../src/lib/core/card.js';
import {
  begin,
  type Dialogue,
  type Happening,
  MOST_CARDS,
  next,
  type Reading,
  type Step,
  type Terms,
  type Way,
} from '../../../src/lib/reader/dialogue.js';

const OFFLINE: Terms = {timeout_ms: 60_000, stripe: false};
const ONLINE: Terms = {timeout_ms: 60_000, stripe: true};

/** What no later part of a dialogue may know. */
const CIPHERTEXT = 'C1F4E27A5EA1ED00';

/** Every reason, so that one that is added has to be thought about here. */
const REASONS: Readonly<Record<CardFailure, readonly [offline: string | null, online: string | null]>> = {
  declined_by_card: [null, null],
  reader_offline_only: [null, null],
  unusable_encryption: [null, null],
  use_contact: ['insert_card', 'insert_card'],
  use_other_interface: ['try_another_read_method', 'try_another_read_method'],
  use_magstripe: ['try_another_card', 'swipe_card'],
  use_another_card: ['try_another_card', 'try_another_card'],
  card_error: ['retry_card', 'retry_card'],
  collision: ['multiple_contactless_cards_detected', 'multiple_contactless_cards_detected'],
  over_contactless_limit: ['insert_card', 'insert_card'],
  card_blocked: ['try_another_card', 'try_another_card'],
  card_expired: ['try_another_card', 'try_another_card'],
  card_unsupported: ['try_another_card', 'try_another_card'],
  tap_again: ['retry_card', 'retry_card'],
  see_phone: ['check_mobile_device', 'check_mobile_device'],
  authentication_failed: ['try_another_card', 'try_another_card'],
  verification_failed: ['try_another_card', 'try_another_card'],
  restricted: ['try_another_card', 'try_another_card'],
  torn: ['retry_card', 'retry_card'],
  magnetic_stripe: ['try_another_read_method', 'retry_card'],
  missing_emv_data: ['retry_card', 'retry_card'],
  unreadable: ['retry_card', 'retry_card'],
};
const METHODS: readonly ReadMethod[] = [
  'contact_emv',
  'contactless_emv',
  'contactless_magstripe_mode',
  'magnetic_stripe_fallback',
  'magnetic_stripe_track2',
];

function card(read_method: ReadMethod, cryptogram: CardRead['cryptogram'] = 'arqc'): CardAnswer {
  const sealed = {encryption: 'tdes_dukpt', ksn: 'FFFF9876543210E00001', tags: {'5A': CIPHERTEXT}};
  return {
    kind: 'card',
    card: {read_method, cryptogram, brand: 'visa', last4: '4242', sealed} as unknown as CardRead,
  };
}

function failed(reason: CardFailure): CardAnswer {
  return {kind: 'failed', reason, brand: 'visa', last4: '4242', technical: 'status 0A'};
}

const answered = (answer: CardAnswer): Happening => ({kind: 'answered', answer});
const TIMEOUT: CardAnswer = {kind: 'no_card', reason: 'timeout'};
const STARTED: Happening = {kind: 'started'};

function having(terms: Terms, ...happenings: readonly Happening[]): Step {
  return happenings.reduce((step, happening) => next(step.state, happening, 0), begin(terms));
}

function reading({state}: Step): Reading {
  if (state.kind !== 'reading') throw new Error(state.kind);
  return state;
}

/** `message: how`, for each thing the customer is told. */
function told({say}: Step): readonly string[] {
  return say.map(({display_message, input_options}) => `${display_message}: ${input_options.join(' ')}`);
}

const anyAnswer: fc.Arbitrary<CardAnswer> = fc.oneof(
  {weight: 6, arbitrary: fc.constantFrom(...(Object.keys(REASONS) as CardFailure[])).map(failed)},
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...METHODS), fc.constantFrom('arqc', 'tc', 'aac', null))
      .map(([method, cryptogram]) => card(method, cryptogram)),
  },
  fc.constantFrom<CardAnswer>(
    TIMEOUT,
    {kind: 'no_card', reason: 'canceled'},
    {kind: 'unsealed', brand: 'visa', last4: '4242'},
  ),
);
const anyHappening: fc.Arbitrary<Happening> = fc.oneof(
  {weight: 5, arbitrary: anyAnswer.map(answered)},
  {weight: 3, arbitrary: fc.constant(STARTED)},
  fc.constantFrom<Happening>({kind: 'seen'}, {kind: 'refused'}, {kind: 'shown', message: 'enter_pin'}),
);
const anyTerms = fc.record({
  timeout_ms: fc.integer({min: 1000, max: 240_000}),
  stripe: fc.boolean(),
  barred: fc.constantFrom<readonly Way[]>([], ['contactless']),
});

describe('a dialogue with a customer', () => {
  it('ends whatever comes, after a bounded number of cards and a bounded time, and stays ended', () => {
    const script = fc.array(fc.tuple(anyHappening, fc.nat(40_000)), {minLength: 40, maxLength: 80});
    fc.assert(
      fc.property(anyTerms, script, (terms, happenings) => {
        let {state} = begin(terms) as {state: Dialogue};
        let [elapsed, cards] = [0, 0];
        for (const [happening, ms] of happenings) {
          const before = state;
          elapsed += ms;
          const step = next(state, happening, elapsed);
          state = step.state;
          if (before.kind === 'ended' || before.kind === 'stuck') {
            expect(state).to.equal(before);
            expect(step.say).to.deep.equal([]);
          } else if (happening.kind === 'answered') cards += 1;
          if (state.kind !== 'reading') continue;
          const usable = state.ways.filter((way) => way !== 'swipe' || terms.stripe);
          expect(usable, 'a way that is open').not.to.deep.equal([]);
          expect(state.ways.filter((way) => (state as Reading).barred.includes(way))).to.deep.equal([]);
          expect(state.wait_ms).to.be.within(1, terms.timeout_ms);
          if (happening.kind === 'answered') {
            expect(elapsed, 'nobody is asked again long after the time').to.be.below(
              terms.timeout_ms + 60_000,
            );
            expect(step.say.at(-1)?.input_options, 'who is asked is told how').not.to.deep.equal([]);
          }
        }
        expect(cards).to.be.at.most(MOST_CARDS);
      }),
      {numRuns: 100},
    );
  });

  it('never keeps what a card sent for the next try, and never gives a stripe where none is taken', () => {
    fc.assert(
      fc.property(anyTerms, fc.array(anyHappening, {maxLength: 12}), (terms, happenings) => {
        let step = begin(terms);
        for (const happening of happenings) {
          step = next(step.state, happening, 0);
          const {state} = step;
          if (state.kind !== 'ended') expect(JSON.stringify(step)).not.to.contain(CIPHERTEXT);
          if (terms.stripe) continue;
          expect(step.say.flatMap(({input_options}) => input_options)).not.to.include('swipe_card');
          if (state.kind === 'ended' && state.answer.kind === 'card')
            expect(state.answer.card.read_method).to.match(/emv$/);
        }
      }),
      {numRuns: 300},
    );
  });

  it('has a chip wait for its host exactly when it was authenticated and did not decide by itself', () => {
    fc.assert(
      fc.property(anyTerms, fc.array(anyHappening, {maxLength: 12}), (terms, happenings) => {
        let step = begin(terms);
        for (const happening of happenings) {
          const inside = step.state.kind === 'authenticating';
          step = next(step.state, happening, 0);
          const {state} = step;
          if (state.kind !== 'ended' || happening.kind !== 'answered') return;
          if (!inside) expect(state.held).to.equal(false);
          expect(state.in_slot).to.satisfy((it: boolean) => it || (!inside && !state.held));
          if (inside && happening.answer.kind === 'card' && state.answer.kind === 'card')
            expect(state.held).to.equal(!['tc', 'aac'].includes(`${happening.answer.card.cryptogram}`));
          return;
        }
      }),
      {numRuns: 300},
    );
  });

  it('asks for every way at first, and names only those that are taken', () => {
    expect(told(begin(OFFLINE))).to.deep.equal(['present_card: insert_card tap_card']);
    expect(told(begin(ONLINE))).to.deep.equal(['present_card: insert_card tap_card swipe_card']);
    expect(reading(begin(OFFLINE)).ways, 'a stripe is seen all the same').to.include('swipe');
  });

  for (const [reason, messages] of Object.entries(REASONS)) {
    it(`says what to do about "${reason}"`, () => {
      for (const [index, terms] of [OFFLINE, ONLINE].entries()) {
        const step = having(terms, answered(failed(reason as CardFailure)));
        const message = messages[index] ?? null;
        if (message === null) expect(step.state).to.deep.include({kind: 'ended', in_slot: false});
        else expect(step.say.map(({display_message}) => display_message)).to.deep.equal([message]);
      }
    });
  }

  it('has a card inserted that is over the limit, and never tapped again for this payment', () => {
    const over = having(OFFLINE, answered(failed('over_contactless_limit')));
    expect(reading(over)).to.deep.include({starter: 'start_contact', ways: ['contact']});
    const pulled = next(next(over.state, STARTED, 0).state, answered(failed('card_error')), 0);
    expect(told(pulled)).to.deep.equal(['card_removed_too_early: insert_card']);
    expect(reading(pulled).ways).not.to.include('contactless');
  });

  it('opens the air again for another card, where only that card wanted to be inserted', () => {
    const wanted = having(OFFLINE, answered(failed('use_contact')));
    expect(told(wanted)).to.deep.equal(['insert_card: insert_card']);
    const other = next(next(wanted.state, STARTED, 0).state, answered(failed('card_blocked')), 0);
    expect(told(other)).to.deep.equal(['remove_card: ', 'try_another_card: insert_card tap_card']);
  });

  it('has a chip that cannot be read swiped as its fallback – online', () => {
    const step = having(ONLINE, answered(failed('use_magstripe')));
    expect(reading(step)).to.deep.include({starter: 'activate', ways: ['swipe']});
    const {state} = next(step.state, answered(card('magnetic_stripe_track2', null)), 0);
    expect(state.kind === 'ended' && state.answer.kind === 'card' && state.answer.card.read_method).to.equal(
      'magnetic_stripe_fallback',
    );
    const swiped = having(ONLINE, answered(card('magnetic_stripe_track2', null))).state;
    expect(
      swiped.kind === 'ended' && swiped.answer.kind === 'card' && swiped.answer.card.read_method,
    ).to.equal('magnetic_stripe_track2');
  });

  it('tells who swipes offline to do otherwise, and ends with that if they do not', () => {
    for (const method of METHODS.filter((one) => !one.endsWith('emv'))) {
      let step = having(OFFLINE, answered(card(method, null)));
      expect(told(step)).to.deep.equal(['try_another_read_method: insert_card tap_card']);
      step = next(step.state, answered(TIMEOUT), 0);
      expect(step.state.kind === 'ended' && step.state.answer).to.deep.equal({
        kind: 'failed',
        reason: 'magnetic_stripe',
        brand: 'visa',
        last4: '4242',
        technical: `read as ${method}`,
      });
    }
  });

  it('asks in another command what the reader does not know, and in fewer ways what it does not have', () => {
    const insert = having(OFFLINE, answered(failed('use_contact')), {kind: 'refused'});
    expect(reading(insert)).to.deep.include({starter: 'activate', ways: ['contact']});
    expect(insert.say).to.deep.equal([]);
    const again = next(
      next(insert.state, answered(failed('unreadable')), 0).state,
      answered(failed('use_contact')),
      0,
    );
    expect(reading(again).starter, 'it is not asked twice').to.equal('activate');
    const flat = having(OFFLINE, {kind: 'refused'});
    expect(reading(flat).ways).to.deep.equal(['contactless', 'swipe']);
    expect(reading(next(flat.state, {kind: 'refused'}, 0)).ways).to.deep.equal(['contactless']);
    expect(next(next(flat.state, {kind: 'refused'}, 0).state, {kind: 'refused'}, 0).state.kind).to.equal(
      'stuck',
    );
    // Nothing to insert it into: said at once, not asked for in vain.
    expect(next(flat.state, answered(failed('over_contactless_limit')), 0).state.kind).to.equal('ended');
    expect(having(OFFLINE, STARTED, {kind: 'refused'}).state).to.deep.equal({kind: 'stuck', in_slot: true});
  });

  it('tells who failed and went away what failed, and the technician everything before', () => {
    const {state} = having(
      OFFLINE,
      answered(failed('collision')),
      answered(failed('tap_again')),
      answered(failed('card_blocked')),
      answered(TIMEOUT),
    );
    expect(state.kind === 'ended' && state.answer).to.deep.include({
      reason: 'card_blocked',
      earlier: ['collision: status 0A', 'tap_again: status 0A'],
    });
    const canceled = having(
      OFFLINE,
      answered(failed('collision')),
      answered({kind: 'no_card', reason: 'canceled'}),
    );
    expect(canceled.state.kind === 'ended' && canceled.state.answer.kind).to.equal('no_card');
    const nobody = having(OFFLINE, answered(TIMEOUT)).state;
    expect(nobody.kind === 'ended' && nobody.answer).to.deep.equal(TIMEOUT);
  });

  it('gives who tries again the rest of the time, or a quarter of a minute', () => {
    const first = begin(OFFLINE).state;
    expect(reading(next(first, answered(failed('tap_again')), 20_000)).wait_ms).to.equal(40_000);
    expect(reading(next(first, answered(failed('tap_again')), 55_000)).wait_ms).to.equal(15_000);
    expect(next(first, answered(failed('tap_again')), 120_000).state.kind).to.equal('ended');
    const short = begin({timeout_ms: 5000, stripe: false}).state;
    expect(reading(next(short, answered(failed('tap_again')), 4000)).wait_ms).to.equal(5000);
  });

  it('tells of a card that was seen once for every card', () => {
    const seen = having(OFFLINE, {kind: 'seen'});
    expect(told(seen)).to.deep.equal(['processing: ']);
    expect(told(next(seen.state, {kind: 'seen'}, 0))).to.deep.equal([]);
    expect(told(next(seen.state, STARTED, 0))).to.deep.equal([]);
    expect(told(having(OFFLINE, STARTED))).to.deep.equal(['processing: ']);
    const again = next(seen.state, answered(failed('tap_again')), 0);
    expect(told(next(again.state, {kind: 'seen'}, 0))).to.deep.equal(['processing: ']);
  });

  it('passes on what the reader shows by itself', () => {
    expect(told(having(OFFLINE, {kind: 'shown', message: 'retry_card'}))).to.deep.equal([
      'retry_card: insert_card tap_card',
    ]);
    expect(told(having(OFFLINE, STARTED, {kind: 'shown', message: 'enter_pin'}))).to.deep.equal([
      'enter_pin: ',
    ]);
  });
});
