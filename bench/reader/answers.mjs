// Answers of card reads as the emulated reader sends them: every notation, every way a card can come.

import {encodeCommand, ResponseDecoder} from '../../dist/lib/reader/wire/frame.js';
import {memoryCable} from '../../dist/lib/sandbox/reader/cable.js';
import {attachEmulator} from '../../dist/lib/sandbox/reader/emulator.js';
import {memoryWorld} from '../../dist/lib/sandbox/reader/memory-world.js';

const KINDS = [
  {name: 'contactless', card: {}},
  {name: 'contactless, Mastercard', card: {pan: '5555555555554444'}},
  {name: 'contactless, older notation', card: {behavior: 'old_output'}},
  {name: 'contactless, strict BER', card: {behavior: 'strict_output'}},
  {name: 'chip inserted', card: {behavior: 'contact'}},
  {name: 'swipe', card: {behavior: 'swipe'}},
  {name: 'declined by the chip', card: {behavior: 'decline_by_card'}},
];
const COMMANDS = {
  onDemand: {command: 0x01, sub: 0x01, data: Buffer.from([1])},
  activate: {
    command: 0x02,
    sub: 0x40,
    data: Buffer.from(
      '1E9C01009F02060000000012509F03060000000000005F2A020840DFEF370107DFEF3C03010060',
      'hex',
    ),
  },
  authenticate: {command: 0x60, sub: 0x11, data: Buffer.from([0, 0, 0x78])},
};

/** So many final answers of each kind, as the bytes of their frames. Every one has a key serial number of its own. */
export async function answersOf(each) {
  const world = memoryWorld();
  const [host, far] = memoryCable();
  attachEmulator(far, world, {card_delay_ms: 0, frame_delay_ms: 0});
  const decoder = new ResponseDecoder();
  let heard = () => {};
  host.onData((chunk) => heard(decoder.push(chunk), Buffer.from(chunk)));
  const ask = (command) =>
    new Promise((resolve) => {
      heard = (frames, bytes) => {
        const final = frames.find(({status}) => ![0x63, 0x0e].includes(status));
        if (final !== undefined) resolve({final, bytes});
      };
      host.write(encodeCommand(command));
    });
  await ask(COMMANDS.onDemand);
  const kinds = [];
  for (const {name, card} of KINDS) {
    const frames = [];
    for (let n = 0; n < each; n += 1) {
      world.cards.push(card);
      let answer = await ask(COMMANDS.activate);
      if (card.behavior === 'contact') answer = await ask(COMMANDS.authenticate);
      frames.push(answer.bytes);
    }
    kinds.push({name, bytes: Buffer.concat(frames), frames: frames.length});
  }
  await host.close();
  return kinds;
}
