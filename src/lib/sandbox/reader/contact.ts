import {readTlv} from '../../reader/wire/tlv.js';
import {ATTRIBUTION, chipData, cryptogram, type Presentation, tag} from './card-data.js';
import type {Incoming} from './command-parser.js';
import {attributed, type Outcome, response} from './outcome.js';

/** The contact slot's side of the dialogue: start (60-10), authenticate (60-11), the host's answer (60-12). */
export const CONTACT = {command: 0x60, start: 0x10, authenticate: 0x11, complete: 0x12} as const;

type Command = Extract<Incoming, {kind: 'command'}>;

/** What 60-10 asks for: `fallback t_seat(2) t_auth(2) TLVs`. */
export interface ContactStart {
  readonly fallback: boolean;
  readonly seat_s: number;
  readonly patience_ms: number;
  readonly objects: Buffer;
}

/** Undefined when the data is too short or says neither yes nor no to a fallback. */
export function readContactStart(data: Buffer): ContactStart | undefined {
  const fallback = data[0];
  if (data.length < 5 || (fallback !== 0 && fallback !== 1)) return undefined;
  return {
    fallback: fallback === 1,
    seat_s: data.readUInt16BE(1),
    patience_ms: data.readUInt16BE(3) * 1000,
    objects: data.subarray(5),
  };
}

/** A chip is started first, as the answer to the command that asked for it; then it is the host's turn. */
export function contactOutcome(it: Presentation): Outcome {
  const data = attributed(it, ATTRIBUTION.contact, tag('DFEE25', '0010'));
  return {
    frames: [response(it.asked_by, 0x00, data)],
    patience_ms: it.patience_ms,
    next: ({sub}) => (sub === CONTACT.authenticate ? authenticated(it) : contactUnstarted(sub)),
  };
}

/** A contact command (60-xx) while no chip waits for it. */
export function contactUnstarted(sub: number): Outcome {
  const known = sub === CONTACT.authenticate || sub === CONTACT.complete;
  return {frames: [response(CONTACT.command, known ? 0x0b : 0x03)]};
}

/** The chip's answer to 60-11; one that wants its issuer then waits for what the host says. */
function authenticated(it: Presentation): Outcome {
  const first = response(CONTACT.command, 0x63);
  if (it.behavior === 'chip_removed_early') {
    const data = attributed(it, ATTRIBUTION.contact, tag('FFEE1F', '24000000'));
    return {frames: [first, response(CONTACT.command, 0x0a, data)]};
  }
  const kind = cryptogram(it.behavior);
  const data = attributed(it, ATTRIBUTION.contact, chipData(it));
  const frames = [first, response(CONTACT.command, kind === 'aac' ? 0x0a : 0x00, data)];
  if (kind !== 'arqc') return {frames};
  return {
    frames,
    patience_ms: it.patience_ms,
    next: (command) =>
      command.sub === CONTACT.complete ? completed(it, command) : contactUnstarted(command.sub),
  };
}

/** The card's last word (60-12) on what its host answered (8A). */
function completed(it: Presentation, {data}: Command): Outcome {
  const {objects, truncated} = readTlv(data);
  const code = objects.find((object) => object.tag === '8A')?.value.toString('latin1');
  if (truncated || code?.length !== 2) return {frames: [response(CONTACT.command, 0x05)]};
  const approved = code === '00';
  const unreached = /^[YZ]/.test(code);
  const words = Buffer.concat([
    // Without its host the card decides by itself; this one then declines.
    tag('DFEE25', approved ? '0002' : unreached ? '0001' : '0003'),
    tag('8A', Buffer.from(code, 'latin1').toString('hex')),
    tag('9F27', approved ? '40' : '00'),
  ]);
  return {
    frames: [
      response(CONTACT.command, 0x63),
      response(CONTACT.command, 0x00, attributed(it, ATTRIBUTION.contact, words)),
    ],
  };
}
