/** Waits of the session, in milliseconds. Tests shorten them; nobody else has a reason to. */
export interface Timing {
  /** Stretches or shrinks every command's own timeout. */
  readonly scale: number;
  /** Between the two pings that decide whether a silent reader is lost. */
  readonly revival_pause: number;
  /** After a cancel was answered, for the card read's own late answer. */
  readonly late_answer: number;
  /** The reader's time to finish once its own timer has run out or a card was seen. */
  readonly card_grace: number;
  /** Ping when nothing was said for so long: a dead port may otherwise never be noticed. */
  readonly idle_probe: number;
  /** Between telling a customer to try again and looking for a card: what is held there wrongly is held there still. */
  readonly retry_pause: number;
  /** No byte for so long in the middle of a frame: what hides behind a garbled length is looked for. */
  readonly quiet: number;
}

export const TIMING: Timing = {
  scale: 1,
  revival_pause: 500,
  late_answer: 500,
  card_grace: 15_000,
  idle_probe: 10_000,
  retry_pause: 1000,
  quiet: 300,
};
