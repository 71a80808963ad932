import {expect} from 'chai';
import fc from 'fast-check';
import type {CardAnswer} from '../../../src/lib/core/card.js';
import type {CardRequest, Reader, SaleOutcome} from '../../../src/lib/core/ports.js';
import type {ReaderInput} from '../../../src/lib/core/reader-input.js';
import {openReader, readerOverLine} from '../../../src/lib/reader/open.js';
import type {Timing} from '../../../src/lib/reader/timing.js';
import {BEHAVIORS, type Behavior} from '../../../src/lib/sandbox/reader/behaviors.js';
import {type CableEnd, memoryCable} from '../../../src/lib/sandbox/reader/cable.js';
import {CommandParser} from '../../../src/lib/sandbox/reader/command-parser.js';
import {attachEmulator} from '../../../src/lib/sandbox/reader/emulator.js';
import {type CardInHand, memoryWorld} from '../../../src/lib/sandbox/reader/memory-world.js';
import {serveTcp} from '../../../src/lib/sandbox/reader/serve-tcp.js';
import type {ReaderSettings} from '../../../src/lib/sandbox/reader/world.js';
import {FAST, obedient, type Script, ScriptedLine} from './fake-line.js';

const REQUEST: CardRequest = {
  amount: 1250,
  currency: 'usd',
  currency_numeric: '840',
  timeout_s: 1,
  stripe: false,
};
const SILENT = (): void => {};
/** Readers that are to be serviced, and cards that take a second of the test's time. */
const UNTYPICAL: ReadonlySet<string> = new Set(['no_card', 'silent', 'reboot', 'chip_seated_late']);

interface Customer {
  readonly reader: Reader;
  readonly world: ReturnType<typeof memoryWorld>;
  /** What the driver sent since the reader was prepared, by command and sub-command. */
  readonly sent: string[];
  readonly told: string[];
  readonly onInput: (input: ReaderInput) => void;
}

/** A customer with these cards, one after the other, at an emulated reader over a real line. */
async function customer(
  cards: readonly CardInHand[],
  settings: ReaderSettings = {},
  timing: Partial<Timing> = {},
): Promise<Customer> {
  const [host, far] = memoryCable();
  const world = memoryWorld(settings);
  attachEmulator(far, world, {card_delay_ms: 2, frame_delay_ms: 1});
  const sent: string[] = [];
  const line = overheard(host, sent);
  const reader = await readerOverLine(line, 'memory:', undefined, {
    late_answer: 30,
    retry_pause: 0,
    ...timing,
  });
  await reader.prepare(new Date());
  world.cards.push(...cards);
  sent.length = 0;
  const told: string[] = [];
  return {reader, world, sent, told, onInput: (input) => told.push(input.display_message)};
}

/** The same line, with every command noted. */
function overheard(line: CableEnd, sent: string[]): CableEnd {
  const parser = new CommandParser();
  return {
    write: (bytes) => {
      for (const frame of parser.push(bytes)) {
        if (frame.kind !== 'command') throw new Error('a frame with a wrong check sum');
        const code = Buffer.from([frame.command, frame.sub]).toString('hex').toUpperCase();
        const mask = /DFEF3701(..)/i.exec(frame.data.toString('hex'))?.[1];
        sent.push(mask === undefined ? code : `${code}/${mask}`);
      }
      line.write(bytes);
    },
    onData: (listener) => line.onData(listener),
    onClose: (listener) => line.onClose(listener),
    close: () => line.close(),
  };
}

function summary(answer: CardAnswer): string {
  if (answer.kind === 'card') return `${answer.card.read_method} ${answer.card.cryptogram}`;
  return answer.kind === 'unsealed' ? answer.kind : `${answer.kind} ${answer.reason}`;
}

/** Sells once, and closes the reader. */
async function sell(
  cards: readonly CardInHand[],
  {
    stripe = false,
    settings = {},
    outcome = 'stored' as SaleOutcome,
    signal = undefined as AbortSignal | undefined,
  } = {},
): Promise<{answer: CardAnswer; said: string; sent: string[]; told: string[]}> {
  const {reader, sent, told, onInput} = await customer(cards, settings);
  try {
    const answer = await reader.collect({...REQUEST, stripe}, onInput, signal);
    await reader.finish(outcome, onInput);
    return {answer, said: summary(answer), sent, told};
  } finally {
    await reader.close();
  }
}

describe('a chip', () => {
  it('is started, authenticated, told what its host said, and taken out – then the result is shown', async () => {
    const {said, sent, told} = await sell([{behavior: 'contact'}]);
    expect(said).to.equal('contact_emv arqc');
    expect(sent).to.deep.equal(['1801', '0240/07', '6011', '6012', '0303']);
    expect(told).to.deep.equal(['present_card', 'processing', 'remove_card']);
  });

  it('that decided by itself is not asked again', async () => {
    for (const [behavior, expected] of [
      ['contact_approve_offline', 'contact_emv tc'],
      ['contact_decline', 'contact_emv aac'],
    ] as const) {
      const {said, sent, told} = await sell([{behavior}], {outcome: 'not_taken'});
      expect(said).to.equal(expected);
      expect(sent).to.deep.equal(['1801', '0240/07', '6011', '0303']);
      expect(told.at(-1)).to.equal('remove_card');
    }
  });

  it('is asked for alone by 60-10, where the card must be inserted', async () => {
    for (const behavior of ['over_limit', 'use_contact', 'use_other_interface'] as const) {
      const {said, sent, told} = await sell([{behavior}, {}]);
      expect(said).to.equal('contact_emv arqc');
      expect(sent, behavior).to.deep.equal(['1801', '0240/07', '1801', '6010', '6011', '6012', '0303']);
      expect(told[2]).to.match(/^(insert_card|try_another_read_method)$/);
    }
  });

  it('seated at the last moment is read all the same', async () => {
    expect((await sell([{behavior: 'chip_seated_late'}])).said).to.equal('contact_emv arqc');
  });

  it('taken out too early is asked for again, and nothing of it is used', async () => {
    const {answer, sent, told} = await sell([{behavior: 'chip_removed_early'}, {behavior: 'contact'}]);
    expect(answer.kind === 'card' && answer.card.sealed.ksn.slice(-1)).to.equal('1');
    expect(sent).to.deep.equal(['1801', '0240/07', '6011', '1801', '0240/07', '6011', '6012', '0303']);
    expect(told).to.deep.equal([
      'present_card',
      'processing',
      'card_removed_too_early',
      'processing',
      'remove_card',
    ]);
  });

  it('is served over a real line at the pace of the wire, through tries and to its end', async () => {
    const world = memoryWorld();
    world.cards.push({behavior: 'over_limit'}, {behavior: 'contact', faults: [{kind: 'dribble'}]});
    const served = await serveTcp(world, 0, '127.0.0.1', {card_delay_ms: 2, frame_delay_ms: 1, paced: true});
    const reader = await openReader(served.address);
    await reader.prepare(new Date());
    const told: string[] = [];
    const onInput = ({display_message}: ReaderInput): void => void told.push(display_message);
    expect(summary(await reader.collect({...REQUEST, timeout_s: 5}, onInput))).to.equal('contact_emv arqc');
    await reader.finish('stored', onInput);
    expect(told).to.deep.equal(['present_card', 'processing', 'insert_card', 'processing', 'remove_card']);
    expect(summary(await reader.collect(REQUEST, onInput)), 'the chip let go of the reader').to.equal(
      'contactless_emv arqc',
    );
    await reader.close();
    await served.close();
  });

  it('that cannot be read is swiped online, and offline another card is asked for', async () => {
    const online = await sell([{behavior: 'chip_unreadable'}, {}], {stripe: true});
    expect(online.said).to.equal('magnetic_stripe_fallback null');
    expect(online.sent).to.deep.equal(['1801', '0240/07', '1801', '0240/01', '0303']);
    expect(online.told[2]).to.equal('swipe_card');
    const offline = await sell([{behavior: 'chip_unreadable'}, {behavior: 'no_card'}]);
    expect(offline.said).to.equal('failed use_magstripe');
    expect(offline.told).to.deep.equal(['present_card', 'processing', 'try_another_card']);
  });
});

describe('a reader', () => {
  it('without a slot is asked for less, and nobody is asked to insert anything', async () => {
    const settings = {without_contact: true};
    const {said, sent} = await sell([{}], {settings});
    expect(said).to.equal('contactless_emv arqc');
    expect(sent).to.deep.equal(['1801', '0240/07', '0240/03', '0303']);
    const over = await sell([{behavior: 'over_limit'}], {settings});
    expect(over.said).to.equal('failed over_contactless_limit');
    expect(over.told).to.deep.equal(['present_card', 'processing']);
  });

  it('that knows no 60-10 starts a chip by 02-40', async () => {
    let reads = 0;
    const script = obedient({
      '0240': (line, data) => {
        reads += 1;
        if (reads === 1) line.answer(0x02, 0x0a, 'E1FFEE1F0422000000');
        else {
          expect(data.toString('hex').toUpperCase()).to.contain('DFEF370104');
          line.answer(0x02, 0x08);
        }
      },
      '6010': (line) => line.answer(0x60, 0x02),
    });
    const {reader, line} = await scripted(script);
    expect(summary(await reader.collect(REQUEST, SILENT))).to.equal('failed over_contactless_limit');
    expect(line.seen).to.deep.equal(['1801', '1801', '0240', '1801', '6010', '0240']);
    await reader.close();
  });

  it('asks by 60-10 for as long as there is time, and for no stripe where none is taken', async () => {
    const asked: string[] = [];
    const script = obedient({
      '0240': (line) => line.answer(0x02, 0x0a, 'E1FFEE1F0402000000'),
      '6010': (line, data) => {
        asked.push(data.toString('hex').toUpperCase());
        line.answer(0x60, 0x08);
      },
    });
    for (const stripe of [false, true]) {
      const {reader} = await scripted(script);
      await reader.collect({...REQUEST, stripe}, SILENT);
      await reader.close();
    }
    const sale = '9C01009F02060000000012509F03060000000000005F2A020840';
    expect(asked).to.deep.equal([`0000010060${sale}`, `0100010060${sale}`]);
  });

  it('shows what it asks the customer for by itself', async () => {
    const told: string[] = [];
    const script = obedient({
      '0240': (line) => {
        for (const data of ['DF81160120', 'E1DF81160121', '01', '7F', 'DF811601FF', ''])
          line.answer(0x02, 0x0e, data);
        line.answer(0x02, 0x08);
      },
    });
    const {reader} = await scripted(script);
    await reader.collect(REQUEST, ({display_message}) => told.push(display_message));
    expect(told).to.deep.equal(['present_card', 'check_mobile_device', 'retry_card', 'processing']);
    await reader.close();
  });
});

describe('a line', () => {
  it('that carries an answer twice does not answer the next command with it', async () => {
    const script = chip({
      '0240': (line) => {
        line.answer(0x02, 0x00, 'E0DFEE25020010');
        setTimeout(() => line.answer(0x02, 0x00, 'E0DFEE25020010'), 5);
      },
      '6011': (line) => setTimeout(() => line.answer(0x60, 0x00, SEALED_CHIP), 15),
    });
    const {reader, line} = await scripted(script);
    expect(summary(await reader.collect(REQUEST, SILENT))).to.equal('contact_emv arqc');
    expect(line.seen.filter((code) => code === '6011')).to.have.length(1);
    await reader.close();
  });

  it('that carries a late answer does not answer the next try with it', async () => {
    let reads = 0;
    const script = chip({
      '0240': (line) => {
        reads += 1;
        line.answer(0x02, 0x0a, `E1FFEE1F0421${'00'.repeat(3)}`);
        if (reads === 1) setTimeout(() => line.answer(0x02, 0x23, SEALED_CHIP), 3);
        if (reads === 2) line.hangUp();
      },
      '1801': (line) => setTimeout(() => line.answer(0x18, 0x00), 5),
    });
    const {reader} = await scripted(script, {...FAST, retry_pause: 0});
    // The second read's own answer is a collision again, not the card that came too late.
    const ended = await reader.collect(REQUEST, SILENT).catch((error: Error) => error.message);
    expect(ended).to.be.a('string');
    expect(reads).to.equal(2);
    await reader.close();
  });

  it('on which the reader sees a card without end is not listened to without end', async () => {
    let timer: NodeJS.Timeout | undefined;
    const script = obedient({
      '0240': (line) => {
        timer = setInterval(() => line.answer(0x02, 0x0e, '01'), 5);
      },
      '0501': (line) => {
        clearInterval(timer);
        line.answer(0x05, 0x00);
      },
    });
    const {reader} = await scripted(script);
    expect(summary(await reader.collect(REQUEST, SILENT))).to.equal('failed unreadable');
    clearInterval(timer);
    await reader.close();
  });
});

describe('a card held to the reader', () => {
  it('is asked for again when two were there, when it was gone too soon, when the phone wants to be looked at', async () => {
    for (const [behavior, message] of [
      ['collision', 'multiple_contactless_cards_detected'],
      ['tap_again', 'retry_card'],
      ['torn', 'retry_card'],
      ['removed_early', 'retry_card'],
      ['see_phone', 'check_mobile_device'],
      ['blocked', 'try_another_card'],
      ['unsupported', 'try_another_card'],
      ['reader_says_expired', 'try_another_card'],
    ] as const) {
      const {said, sent, told} = await sell([{behavior}, {behavior: 'phone'}]);
      expect(said).to.equal('contactless_emv arqc');
      expect(sent).to.deep.equal(['1801', '0240/07', '1801', '0240/07', '0303']);
      expect(told, behavior).to.deep.equal(['present_card', 'processing', message, 'processing']);
    }
  });

  it('gives a key serial number of its own with every try', async () => {
    const {answer} = await sell([{behavior: 'swipe'}, {behavior: 'msd'}, {behavior: 'collision'}, {}]);
    expect(answer.kind === 'card' && answer.card.sealed.ksn).to.equal('FFFF9876543210E00003');
  });

  it('is told to come another way when it was swiped offline, online it is taken', async () => {
    for (const behavior of ['swipe', 'fallback', 'msd'] as const) {
      const {said, told} = await sell([{behavior}, {behavior: 'contact'}]);
      expect(said).to.equal('contact_emv arqc');
      expect(told[2]).to.equal('try_another_read_method');
      expect((await sell([{behavior}], {stripe: true})).said).to.match(/stripe/);
    }
  });

  it('is asked for eight times at most', async () => {
    const cards = Array.from({length: 20}, () => ({behavior: 'collision' as const}));
    const {answer, sent} = await sell(cards);
    expect(answer).to.deep.include({kind: 'failed', reason: 'collision'});
    expect(answer.kind === 'failed' && answer.earlier).to.have.length(7);
    expect(sent.filter((code) => code.startsWith('0240'))).to.have.length(8);
  });
});

describe('an interruption', () => {
  const prompts: readonly (readonly [string, readonly CardInHand[]])[] = [
    ['present_card', [{behavior: 'no_card'}]],
    ['insert_card', [{behavior: 'over_limit'}, {behavior: 'no_card'}]],
    ['multiple_contactless_cards_detected', [{behavior: 'collision'}, {behavior: 'no_card'}]],
    ['check_mobile_device', [{behavior: 'see_phone'}, {behavior: 'no_card'}]],
    ['try_another_card', [{behavior: 'blocked'}, {behavior: 'no_card'}]],
    ['card_removed_too_early', [{behavior: 'chip_removed_early'}, {behavior: 'no_card'}]],
    ['processing', [{behavior: 'contact'}]],
  ];
  for (const late of [true, false]) {
    for (const [prompt, cards] of prompts) {
      it(`at "${prompt}"${late ? ', a moment later,' : ''} cancels at the reader, and the next sale works`, async () => {
        const {reader, world, sent, onInput} = await customer(cards);
        const abort = new AbortController();
        const answer = await reader.collect(
          REQUEST,
          (input) => {
            onInput(input);
            if (input.display_message !== prompt) return;
            if (late) setTimeout(() => abort.abort(), prompt === 'processing' ? 1 : 20);
            else abort.abort();
          },
          abort.signal,
        );
        // A card that was read in that moment counts: then it is the rules' turn.
        expect(summary(answer)).to.be.oneOf(
          prompt === 'processing' ? ['no_card canceled', 'contact_emv arqc'] : ['no_card canceled'],
        );
        await reader.finish('not_taken', onInput);
        // Where the read had begun; at once nothing is begun any more.
        if (late && answer.kind === 'no_card') expect(sent).to.include('0501');
        world.cards.length = 0;
        expect(summary(await reader.collect(REQUEST, onInput))).to.equal('contactless_emv arqc');
        await reader.close();
      });
    }
  }
});

describe('any customer', () => {
  const cards = fc.array(
    fc.constantFrom(...(Object.keys(BEHAVIORS) as Behavior[]).filter((name) => !UNTYPICAL.has(name))),
    {maxLength: 6},
  );

  it('is served to an end, whatever comes and whenever it is broken off, and the next one is served as well', async () => {
    await fc.assert(
      fc.asyncProperty(cards, fc.boolean(), fc.option(fc.nat(30)), async (behaviors, stripe, abortAt) => {
        const {reader, world, sent, onInput} = await customer(behaviors.map((behavior) => ({behavior})));
        const signal = abortAt === null ? undefined : AbortSignal.timeout(abortAt);
        const answer = await reader.collect({...REQUEST, stripe}, onInput, signal).catch(() => null);
        if (answer?.kind === 'card' && !stripe) expect(answer.card.read_method).to.match(/emv$/);
        await reader.finish('stored', onInput);
        // Somebody who waits for the host is told, and nobody else is.
        const authenticated = sent.lastIndexOf('6011');
        const after = sent.slice(authenticated + 1);
        const waits = answer?.kind === 'card' && answer.card.cryptogram === 'arqc' && authenticated > 0;
        if (waits && answer.card.read_method === 'contact_emv') expect(after).to.include('6012');
        // A chip whose data was dropped as readable may wait, too.
        else if (answer?.kind !== 'unsealed') expect(after).not.to.include('6012');
        world.cards.length = 0;
        expect(summary(await reader.collect(REQUEST, onInput))).to.equal('contactless_emv arqc');
        await reader.close();
      }),
      {numRuns: 25, examples: [[['use_contact', 'number_in_label'], false, null]]},
    );
  });
});

describe('the end of a sale', () => {
  it('says to the chip what its host said, and to everybody else that there was none', async () => {
    const words: string[] = [];
    for (const outcome of ['authorized', 'declined', 'stored', 'not_taken', 'unknown'] as const) {
      const {reader} = await scripted(
        chip({
          '6012': (line, data) => {
            words.push(data.toString('latin1').slice(2));
            line.answer(0x60, 0x63);
            line.answer(0x60, 0x00, 'E0DFEE25020002');
          },
          '0303': (line, data) => {
            words.push(data.toString('hex'));
            line.answer(0x03, 0x00);
          },
        }),
      );
      await reader.collect(REQUEST, SILENT);
      await reader.finish(outcome, SILENT);
      await reader.close();
    }
    expect(words).to.deep.equal(['00', '00', '05', '01', 'Z3', '00', 'Z3', '01', 'Z3', '01']);
  });

  it('cancels a chip whose reader does not take the answer, and never fails', async () => {
    const readers: readonly (readonly [Script, readonly string[]])[] = [
      [chip({'6012': (line) => line.answer(0x60, 0x02)}), ['6012', '0501', '0303']],
      [chip({'6012': (line) => line.answer(0x60, 0x05)}), ['6012', '0501', '0303']],
      [chip({'6012': SILENT}), ['6012', '0501', '0303']],
      [chip({'6012': SILENT, '0501': SILENT, '0303': SILENT}), ['6012', '0501', '0303']],
      [chip({'6012': (line) => line.answer(0x60, 0x0a)}), ['6012', '0303']],
      [chip({'6012': (line) => line.hangUp()}), ['6012']],
    ];
    for (const [script, expected] of readers) {
      const {reader, line} = await scripted(script);
      const told: string[] = [];
      expect(summary(await reader.collect(REQUEST, SILENT))).to.equal('contact_emv arqc');
      await reader.finish('stored', ({display_message}) => told.push(display_message));
      expect(line.seen.slice(line.seen.indexOf('6011') + 1)).to.deep.equal(expected);
      expect(told).to.deep.equal(['remove_card']);
      await reader.close();
    }
  });

  it('does not fail with who listens, and is over after one time', async () => {
    const {reader, line} = await scripted(chip());
    await reader.collect(REQUEST, SILENT);
    await reader.finish('stored', () => {
      throw new Error('the screen is gone');
    });
    await reader.finish('stored', SILENT);
    expect(line.seen.filter((code) => code === '6012')).to.have.length(1);
    await reader.close();
  });

  it('leaves a chip alone while it waits for its host: no ping, which would end it', async () => {
    const timing = {...FAST, idle_probe: 3};
    const {reader, line} = await scripted(chip(), timing);
    await reader.collect(REQUEST, SILENT);
    const before = line.seen.length;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(line.seen.length).to.equal(before);
    await reader.finish('stored', SILENT);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(line.seen.at(-1), 'and watches the line again').to.equal('1801');
    await reader.close();
  });

  it('is told to a chip also when what it sent was refused', async () => {
    const {reader, line} = await scripted(chip({}, 'E0DFEE250200045A0842424242424242429F270180'));
    expect((await reader.collect(REQUEST, SILENT)).kind).to.equal('unsealed');
    await reader.finish('not_taken', SILENT);
    expect(line.seen).to.include('6012');
    await reader.close();
  });

  it('is told to a chip that was started when whoever listens fails', async () => {
    const {reader, line} = await scripted(chip());
    const failing = reader.collect(REQUEST, ({display_message}) => {
      if (display_message === 'processing') throw new Error('the screen is gone');
    });
    expect(await failing.catch((error: Error) => error.message)).to.equal('the screen is gone');
    expect(line.seen.slice(-2)).to.deep.equal(['0240', '0501']);
    await reader.close();
  });
});

async function scripted(
  script: Script,
  timing: Partial<Timing> = FAST,
): Promise<{reader: Reader; line: ScriptedLine}> {
  const line = new ScriptedLine(script);
  return {line, reader: await readerOverLine(line, 'fake:', undefined, timing)};
}

const SEALED_CHIP =
  'E0DFEE25020004DFEE120AFFFF9876543210E000015AA1084242CCCCCCCC42425AC110855A31E91D0641D4C0C681A30FD97A86' +
  '9F2701808407A00000000310109F390105';

/** A reader that finds a chip, with its own answers to some commands. */
function chip(
  own: Readonly<Record<string, (line: ScriptedLine, data: Buffer) => void>> = {},
  answer: string = SEALED_CHIP,
): Script {
  return obedient({
    '0240': (line) => line.answer(0x02, 0x00, 'E0DFEE25020010'),
    '6011': (line) => line.answer(0x60, 0x00, answer),
    ...own,
  });
}
