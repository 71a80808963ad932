import {expect} from 'chai';
import {encodeCommand, ResponseDecoder, type ResponseFrame} from '../../../../src/lib/reader/wire/frame.js';
import {type CableEnd, memoryCable} from '../../../../src/lib/sandbox/reader/cable.js';
import {attachEmulator} from '../../../../src/lib/sandbox/reader/emulator.js';
import {memoryWorld} from '../../../../src/lib/sandbox/reader/memory-world.js';
import type {ReaderSettings} from '../../../../src/lib/sandbox/reader/world.js';

const START = '0000010060' + '9F0206000000001250' + '5F2A020840';
/** As START, for a reader that waits for nobody. */
const NO_TIME = START.replace(/^000001/, '000000');
const ACTIVATE_CHIP = '01' + '9F0206000000001250' + 'DFEF370104' + 'DFEF3C03010060';

type World = ReturnType<typeof memoryWorld>;

/** A host that speaks to the emulated reader by hand. */
class Host {
  readonly #end: CableEnd;
  readonly #decoder = new ResponseDecoder();
  readonly #frames: ResponseFrame[] = [];
  #wake: () => void = () => {};

  constructor(world: World) {
    const [host, far] = memoryCable();
    attachEmulator(far, world, {card_delay_ms: 2, frame_delay_ms: 1});
    this.#end = host;
    host.onData((chunk) => {
      this.#frames.push(...this.#decoder.push(chunk));
      this.#wake();
    });
  }

  /** Sends a command and gives what is answered until a final answer: `command:status` and the data of the last. */
  async ask(command: number, sub: number, data = ''): Promise<{heard: string[]; data: string}> {
    this.#end.write(encodeCommand({command, sub, data: Buffer.from(data, 'hex')}));
    const heard: string[] = [];
    for (;;) {
      const frame = await this.#next();
      heard.push(`${frame.command.toString(16)}:${frame.status.toString(16)}`);
      if (![0x63, 0x0e].includes(frame.status)) {
        return {heard, data: frame.data.toString('hex').toUpperCase()};
      }
    }
  }

  async #next(): Promise<ResponseFrame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

async function host(
  card: World['cards'][number] = {},
  settings: ReaderSettings = {},
  firstResponse = true,
): Promise<Host> {
  const world = memoryWorld(settings);
  world.cards.push(card);
  const opened = new Host(world);
  await opened.ask(0x01, 0x01, '01');
  await opened.ask(0x04, 0x00, `DFED5901${firstResponse ? '00' : '01'}`);
  return opened;
}

describe('the emulated reader with a chip in its slot', () => {
  it('starts, authenticates and completes it, whichever command started it', async () => {
    for (const [command, sub, data] of [
      [0x60, 0x10, START],
      [0x02, 0x40, ACTIVATE_CHIP],
    ] as const) {
      const it = await host();
      const started = await it.ask(command, sub, data);
      const name = command.toString(16);
      expect(started).to.deep.equal({
        heard: [`${name}:63`, `${name}:e`, `${name}:0`],
        data: 'E0DFEE25020010',
      });
      const answer = await it.ask(0x60, 0x11, '000078');
      expect(answer.heard).to.deep.equal(['60:63', '60:0']);
      expect(answer.data).to.match(/^E0DFEE25020004.*9F2701809F36.*9F390105$/);
      const done = await it.ask(0x60, 0x12, '8A025A33');
      expect(done).to.deep.equal({heard: ['60:63', '60:0'], data: 'E0DFEE250200018A025A339F270100'});
      expect((await it.ask(0x60, 0x12, '8A025A33')).heard, 'it is over').to.deep.equal(['60:b']);
    }
  });

  it('tells the card what its host said', async () => {
    for (const [code, result] of [
      ['3030', 'DFEE25020002'],
      ['3035', 'DFEE25020003'],
      ['5933', 'DFEE25020001'],
    ] as const) {
      const it = await host();
      await it.ask(0x60, 0x10, START);
      await it.ask(0x60, 0x11, '000078');
      expect((await it.ask(0x60, 0x12, `8A02${code}`)).data).to.contain(result);
    }
  });

  it('says by itself that a chip approved, declined, was taken out or cannot be read', async () => {
    const card = async (behavior: NonNullable<World['cards'][number]['behavior']>): Promise<string> => {
      const it = await host({behavior});
      const started = await it.ask(0x60, 0x10, START);
      if (!started.data.includes('DFEE25020010')) return `${started.heard.at(-1)} ${started.data}`;
      const {heard, data} = await it.ask(0x60, 0x11, '000078');
      expect((await it.ask(0x60, 0x12, '8A023030')).heard, behavior).to.deep.equal(['60:b']);
      return `${heard.at(-1)} ${data}`;
    };
    expect(await card('contact_approve_offline')).to.match(/^60:0 E0DFEE25020000.*9F270140/);
    expect(await card('contact_decline')).to.match(/^60:a E0DFEE25020001.*9F270100/);
    expect(await card('chip_removed_early')).to.equal('60:a 00FFEE1F0424000000');
    expect(await card('chip_unreadable')).to.equal('60:a E0FFEE1F0406000000DFEE25020007');
  });

  it('refuses what makes no sense, and lets go of the card at any other command', async () => {
    const it = await host();
    expect((await it.ask(0x60, 0x11, '000078')).heard).to.deep.equal(['60:b']);
    expect((await it.ask(0x60, 0x10, '0000')).heard).to.deep.equal(['60:5']);
    expect((await it.ask(0x60, 0x10, '0200010060')).heard).to.deep.equal(['60:5']);
    expect((await it.ask(0x60, 0x10, '00000100609F0206')).heard).to.deep.equal(['60:7']);
    expect((await it.ask(0x60, 0x77)).heard).to.deep.equal(['60:3']);
    await it.ask(0x60, 0x10, START);
    await it.ask(0x60, 0x11, '000078');
    expect((await it.ask(0x18, 0x01)).heard).to.deep.equal(['18:0']);
    expect((await it.ask(0x60, 0x12, '8A025A33')).heard).to.deep.equal(['60:b']);
    await it.ask(0x60, 0x10, START);
    await it.ask(0x60, 0x11, '000078');
    expect((await it.ask(0x60, 0x12, '72')).heard, 'no answer of a host').to.deep.equal(['60:5']);
  });

  it('is asked for alone: nobody can tap then, and without a stripe nobody swipes', async () => {
    const tapped = await host({behavior: 'collision'});
    expect((await tapped.ask(0x60, 0x10, NO_TIME)).heard).to.deep.equal(['60:63', '60:8']);
    const swiped = await host({behavior: 'swipe'});
    expect((await swiped.ask(0x60, 0x10, NO_TIME)).heard).to.deep.equal(['60:63', '60:8']);
    const allowed = await host({behavior: 'swipe'});
    const answer = await allowed.ask(0x60, 0x10, START.replace(/^00/, '01'));
    expect(answer.data).to.match(/^E8DFEE25020011/);
  });

  it('is not known to a reader without a slot, and first responses can be switched off', async () => {
    const flat = await host({}, {without_contact: true});
    expect((await flat.ask(0x60, 0x10, START)).heard).to.deep.equal(['60:2']);
    expect((await flat.ask(0x02, 0x40, ACTIVATE_CHIP)).heard).to.deep.equal(['2:6']);
    const quiet = await host({}, {}, false);
    expect((await quiet.ask(0x60, 0x10, START)).heard).to.deep.equal(['60:0']);
  });
});
