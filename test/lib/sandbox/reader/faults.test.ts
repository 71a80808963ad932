import {expect} from 'chai';
import type {CardAnswer} from '../../../../src/lib/core/card.js';
import type {StowpayError} from '../../../../src/lib/core/errors.js';
import type {Reader} from '../../../../src/lib/core/ports.js';
import {readerOverLine} from '../../../../src/lib/reader/open.js';
import {memoryCable} from '../../../../src/lib/sandbox/reader/cable.js';
import {attachEmulator} from '../../../../src/lib/sandbox/reader/emulator.js';
import {FAULTS, type Fault, type FaultKind, MOMENTS} from '../../../../src/lib/sandbox/reader/faults.js';
import {type MemoryWorld, memoryWorld} from '../../../../src/lib/sandbox/reader/memory-world.js';
import {parseScenario} from '../../../../src/lib/sandbox/reader/scenario.js';
import type {ReaderSettings} from '../../../../src/lib/sandbox/reader/world.js';
import {inVirtualTime} from '../../../support/virtual-time.js';

const REQUEST = {amount: 1250, currency: 'usd', currency_numeric: '840', timeout_s: 1, stripe: true};
async function reader(world: MemoryWorld): Promise<Reader> {
  const [host, far] = memoryCable();
  attachEmulator(far, world, {card_delay_ms: 5, frame_delay_ms: 2});
  const opened = await readerOverLine(host, 'memory:');
  await opened.prepare(new Date());
  return opened;
}

/** One read of an ordinary card with these faults, and then an ordinary one without. */
async function sellTwice(
  faults: readonly Fault[],
  settings: ReaderSettings = {},
): Promise<readonly [string, string]> {
  const world = memoryWorld(settings);
  world.cards.push({faults}, {});
  const opened = await reader(world);
  const sales = [await sell(opened), await sell(opened)] as const;
  await opened.close();
  return sales;
}

async function sell(opened: Reader, signal?: AbortSignal): Promise<string> {
  const answer = await opened
    .collect(REQUEST, () => {}, signal)
    .catch((error: StowpayError): string => error.code);
  return typeof answer === 'string' ? answer : summary(answer);
}

function summary(answer: CardAnswer): string {
  return answer.kind === 'card'
    ? `card ${answer.card.sealed.ksn.slice(-2)}`
    : `${answer.kind} ${reason(answer)}`;
}

function reason(answer: CardAnswer): string {
  return 'reason' in answer ? answer.reason : '';
}

/** What the driver makes of a fault in the middle of a read, and whether it can sell afterwards. */
const PLAYED: Readonly<
  Record<FaultKind, Readonly<Partial<Record<(typeof MOMENTS)[number], [string, string]>>>>
> = {
  cable_pull: {
    waiting: ['reader_lost', 'reader_lost'],
    seen: ['reader_lost', 'reader_lost'],
    answer: ['reader_lost', 'reader_lost'],
  },
  reboot: {
    waiting: ['reader_fault', 'card 01'],
    seen: ['reader_fault', 'card 02'],
    answer: ['reader_fault', 'card 02'],
  },
  silence: {
    waiting: ['no_card timeout', 'card 01'],
    seen: ['failed unreadable', 'card 02'],
    answer: ['failed unreadable', 'card 02'],
  },
  garbage: {waiting: ['card 01', 'card 02'], seen: ['card 01', 'card 02'], answer: ['card 01', 'card 02']},
  burst: {waiting: ['card 01', 'card 02'], seen: ['card 01', 'card 02'], answer: ['card 01', 'card 02']},
  foreign: {waiting: ['card 01', 'card 02'], seen: ['card 01', 'card 02'], answer: ['card 01', 'card 02']},
  corrupt: {answer: ['failed unreadable', 'card 02']},
  truncate: {answer: ['failed unreadable', 'card 02']},
  duplicate: {answer: ['card 01', 'card 02']},
  delay: {answer: ['card 01', 'card 02']},
  dribble: {answer: ['card 01', 'card 02']},
  status: {answer: ['reader_fault', 'card 02']},
};

describe('a fault in the middle of a card read', () => {
  const played = (Object.keys(FAULTS) as FaultKind[]).flatMap((kind) =>
    MOMENTS.flatMap((at) => {
      const expected = PLAYED[kind][at];
      return expected === undefined ? [] : [{kind, at, expected}];
    }),
  );
  let results: readonly (readonly [string, string])[] = [];
  before(async () => {
    const status = (kind: FaultKind): object => (kind === 'status' ? {status: 0x0b} : {});
    results = await inVirtualTime(() =>
      Promise.all(played.map(({kind, at}) => sellTwice([{kind, at, for_ms: 20, ...status(kind)}]))),
    );
  });
  for (const [index, {kind, at, expected}] of played.entries()) {
    it(`${kind}, ${at}: ${expected.join(', then ')}`, () => {
      expect(results[index]).to.deep.equal(expected);
    });
  }

  it('noise of a hundred kilobytes does not hide the answer', async () => {
    expect(await inVirtualTime(() => sellTwice([{kind: 'garbage', bytes: 100_000}]))).to.deep.equal([
      'card 01',
      'card 02',
    ]);
  });

  it('an answer that comes while nobody waits for it any more is nobody’s card', async () => {
    expect(await inVirtualTime(() => sellTwice([{kind: 'delay', for_ms: 18_000}]))).to.deep.equal([
      'failed unreadable',
      'card 02',
    ]);
  });

  it('an answer that was held up on the line is never taken for the card of the next read', async () => {
    const delays = Array.from({length: 24}, (_, index) => 15_700 + index * 350);
    const seen = new Set<string>();
    for (const for_ms of delays) {
      const world = memoryWorld();
      world.cards.push({faults: [{kind: 'delay', for_ms}]}, {pan: '5555555555554444', after_ms: 900});
      const sold = await inVirtualTime(async () => {
        const opened = await reader(world);
        const first = await sell(opened);
        const second = await opened.collect(REQUEST, () => {}).catch((error: StowpayError) => error);
        await opened.close();
        if (second instanceof Error) return `${first}, then ${second.code}`;
        return `${first}, then ${second.kind === 'card' ? second.card.last4 : second.kind}`;
      });
      seen.add(sold.replace(/card \d\d/, 'card'));
    }
    expect([...seen]).to.have.members(['card, then 4444', 'failed unreadable, then 4444']);
  });

  it('a reader that forgot how to read cards on demand is told again', async () => {
    const fault: Fault = {kind: 'reboot', at: 'waiting', for_ms: 5};
    expect(await inVirtualTime(() => sellTwice([fault], {forgets_poll_mode: true}))).to.deep.equal([
      'reader_fault',
      'card 01',
    ]);
  });

  it('first responses ask for patience, and are no answer', async () => {
    const world = memoryWorld();
    const inputs: string[] = [];
    await inVirtualTime(async () => {
      const opened = await reader(world);
      await opened.collect(REQUEST, ({display_message}) => inputs.push(display_message));
      await opened.close();
    });
    expect(inputs).to.deep.equal(['present_card', 'processing']);
  });

  it('a card that came in the moment of the cancel counts, in either order', async () => {
    for (const late_answer of ['card_before', 'card_after'] as const) {
      const world = memoryWorld({late_answer});
      world.cards.push({after_ms: 5000});
      const sold = await inVirtualTime(async () => {
        const opened = await reader(world);
        const stop = new AbortController();
        setTimeout(() => stop.abort(), 20);
        const outcome = await sell(opened, stop.signal);
        await opened.close();
        return outcome;
      });
      expect(sold, late_answer).to.equal('card 01');
    }
  });
});

describe('a fault of another command', () => {
  /** What identifying the reader comes to, and whether it can sell afterwards. */
  async function identify(faults: readonly Fault[], command = '29-00'): Promise<readonly [string, string]> {
    const text = JSON.stringify({steps: [{command, faults: faults.map(written)}, {card: 'visa'}]});
    const opened = await reader(memoryWorld({}, parseScenario(text)));
    const identity = await opened.identify().then(
      ({firmware, serial_number}) => (firmware === '' ? 'no firmware' : `serial ${serial_number}`),
      (error: StowpayError) => error.code,
    );
    const sold = await sell(opened);
    await opened.close();
    return [identity, sold];
  }
  const written = ({status, ...fault}: Fault): object =>
    status === undefined ? fault : {...fault, status: status.toString(16).padStart(2, '0')};

  const whole = ['serial SANDBOX001', 'card 01'];
  const expected: Readonly<Record<FaultKind, readonly string[]>> = {
    cable_pull: ['reader_lost', 'reader_lost'],
    reboot: ['reader_fault', 'card 01'],
    silence: ['reader_fault', 'card 01'],
    garbage: whole,
    burst: whole,
    foreign: whole,
    corrupt: ['reader_fault', 'card 01'],
    truncate: ['reader_fault', 'card 01'],
    duplicate: whole,
    delay: whole,
    dribble: whole,
    // Older firmware does not know the question: its other version is told instead.
    status: whole,
  };
  const kinds = Object.keys(FAULTS) as FaultKind[];
  let results: readonly (readonly [string, string])[] = [];
  before(async () => {
    const status = (kind: FaultKind): object => (kind === 'status' ? {status: 0x02} : {});
    results = await inVirtualTime(() =>
      Promise.all(kinds.map((kind) => identify([{kind, for_ms: 20, ...status(kind)}]))),
    );
  });
  for (const [index, kind] of kinds.entries()) {
    it(`${kind}: ${expected[kind].join(', then ')}`, () => {
      expect(results[index]).to.deep.equal(expected[kind]);
    });
  }

  it('a reader that stays silent over two pings is lost', async () => {
    expect(await inVirtualTime(() => identify([{kind: 'silence', for_ms: 60_000}]))).to.deep.equal([
      'reader_lost',
      'reader_lost',
    ]);
  });

  it('a serial number that was never set is none', async () => {
    expect(await inVirtualTime(() => identify([{kind: 'status', status: 0x0b}], '12-01'))).to.deep.equal([
      'serial ',
      'card 01',
    ]);
  });
});

describe('a fault while nothing is said', () => {
  async function afterIdle(fault: object): Promise<string> {
    const text = JSON.stringify({steps: [{idle_ms: 10, faults: [fault]}, {card: 'visa'}]});
    const world = memoryWorld({}, parseScenario(text));
    const opened = await reader(world);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(world.progress().step, 'played').to.equal(1);
    const sold = await sell(opened);
    await opened.close();
    return sold;
  }

  it('is noticed at the next sale', async () => {
    expect(await inVirtualTime(() => afterIdle({kind: 'cable_pull'}))).to.equal('reader_lost');
  });

  it('is no fault of the next sale when it is over by then', async () => {
    const kinds = ['reboot', 'silence', 'garbage', 'burst', 'foreign'];
    const sales = await inVirtualTime(() => Promise.all(kinds.map((kind) => afterIdle({kind, for_ms: 5}))));
    expect(sales).to.deep.equal(kinds.map(() => 'card 01'));
  });
});
