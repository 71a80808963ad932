/** What can go wrong between the reader and the host. One line each, as the command line prints it. */
export const FAULTS = {
  cable_pull: 'the cable is pulled, and back after for_ms',
  reboot: 'the reader loses power, is silent for for_ms, then says that it started',
  silence: 'the reader stops answering for for_ms',
  garbage: 'bytes of noise on the line, as many as given',
  burst: 'the short codes without a frame that older firmware sends unasked',
  foreign: 'a frame nobody asked for comes first',
  corrupt: 'one byte of the answer arrives changed',
  truncate: 'only the first half of the answer arrives',
  duplicate: 'the answer arrives twice',
  delay: 'the answer comes for_ms later',
  dribble: 'the answer arrives byte by byte',
  status: 'the reader answers with this status code instead',
} as const;

export type FaultKind = keyof typeof FAULTS;

/** When during a card read: nobody was there yet, a card was just seen, or the final answer goes out. */
export const MOMENTS = ['waiting', 'seen', 'answer'] as const;

export type Moment = (typeof MOMENTS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** `answer` when left out. Of no meaning for a command that is no card read. */
  readonly at?: Moment;
  /** Milliseconds; what `FAULTS` says of it. */
  readonly for_ms?: number;
  /** Of `garbage`: how many. */
  readonly bytes?: number;
  /** Of `status`: the code, 0 to 255. */
  readonly status?: number;
}

/** Faults after which nothing more is said of what was going on. */
export function endsEverything(fault: Fault): boolean {
  return fault.kind === 'cable_pull' || fault.kind === 'reboot' || fault.kind === 'silence';
}

export function isFaultKind(name: unknown): name is FaultKind {
  return typeof name === 'string' && Object.hasOwn(FAULTS, name);
}

/** Noise that looks like the beginning of a frame now and then. The same for the same number of bytes. */
export function noise(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  let state = 0x2545f491 ^ count;
  for (let at = 0; at < count; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
  for (let at = 7; at + LURE.length <= count; at += 97) LURE.copy(bytes, at);
  return bytes;
}

const LURE = Buffer.from('ViVOtech2\0\x02\0\0\x10', 'latin1');

/** Codes that older firmware sends without any frame around them. */
export const BURST = Buffer.from('450055000100', 'hex');
