/** How many calls may start: `per_s` a second over time, and `burst` at once after a rest. */
export interface Rate {
  readonly per_s: number;
  readonly burst: number;
}

/** A token bucket. A call takes a token; tokens come back with time. */
export interface TokenBucket {
  readonly tokens: number;
  /** When `tokens` was true, milliseconds on the caller's clock. */
  readonly at_ms: number;
}

export function fullBucket({burst}: Rate, nowMs: number): TokenBucket {
  return {tokens: burst, at_ms: nowMs};
}

/** Sums of small parts come out a little short: no call waits for a millionth of a token. */
const TOLERANCE = 1e-6;

/**
 * Takes a token when there is one: `wait_ms` is 0. Else it takes none and tells after how many milliseconds to ask
 * again, at least 1. In any t seconds at most `burst + per_s × t` are taken. A clock that runs backwards gives none.
 */
export function takeToken(
  rate: Rate,
  bucket: TokenBucket,
  nowMs: number,
): {readonly wait_ms: number; readonly bucket: TokenBucket} {
  const passed = Math.max(0, nowMs - bucket.at_ms);
  const tokens = Math.min(rate.burst, bucket.tokens + (passed * rate.per_s) / 1000);
  const at_ms = Math.max(nowMs, bucket.at_ms);
  if (tokens >= 1 - TOLERANCE) return {wait_ms: 0, bucket: {tokens: Math.max(0, tokens - 1), at_ms}};
  const wait_ms = Math.max(1, Math.ceil(((1 - tokens) * 1000) / rate.per_s));
  return {wait_ms, bucket: {tokens, at_ms}};
}

/**
 * The rate of a process that has `concurrency` payments in hand: never more than a quarter of a second's calls at once,
 * so that a limit counted over a second is not passed by what was saved up.
 */
export function rateOf(pace: {readonly requests_per_s: number; readonly concurrency: number}): Rate {
  const burst = Math.max(1, Math.min(pace.concurrency, Math.floor(pace.requests_per_s / 4)));
  return {per_s: pace.requests_per_s, burst};
}
