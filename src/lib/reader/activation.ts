import {StowpayError} from '../core/errors.js';
import {readUserInterface, type Shown} from './decode/user-interface.js';
import type {Received, Verdict, Waiting} from './inbox.js';
import type {Session} from './session.js';
import {BOOT, COMMANDS, type Command} from './wire/commands.js';
import type {ResponseFrame} from './wire/frame.js';
import {STATUS, statusOf} from './wire/status.js';

/** How a card read ended on the wire. After a cancel or our own timeout the reader may still have answered. */
export interface Activation {
  readonly ended: 'answered' | 'canceled' | 'timeout';
  readonly answer: ResponseFrame | null;
}

export interface ActivationRequest {
  readonly command: Command;
  readonly data: Buffer;
  /** Milliseconds the reader itself waits for a card. */
  readonly wait_ms: number;
  /** An answer that was taken before: a copy of it on the line is not the answer to this. */
  readonly taken?: ResponseFrame | null;
  /** Told what the reader says before its answer. Must not throw. */
  readonly onShown: (shown: Shown) => void;
  readonly signal: AbortSignal | undefined;
}

/** Contact readers answer a card read as either command. */
const ANSWERING: ReadonlySet<number> = new Set([
  COMMANDS.activate.command,
  COMMANDS.authenticateContact.command,
]);

/**
 * Starts a card read and waits for its end. While it runs the line is silent: any command would cancel it.
 * Rejects with `reader_lost` when the reader is gone.
 */
export function activate(session: Session, request: ActivationRequest): Promise<Activation> {
  return session.exclusively(async () => {
    const {timing} = session;
    const answer = session.inbox.wait(
      judgeFrom(session, request),
      request.wait_ms * timing.scale + timing.card_grace,
    );
    try {
      session.send(request.command, request.data);
      const first = await answerOrAbort(answer.received, request.signal);
      if (first === 'aborted') return {ended: 'canceled', answer: await cancel(session, answer)};
      if (first.kind === 'frame') return {ended: 'answered', answer: refuseRestart(first.frame)};
      return {ended: 'timeout', answer: await cancel(session, null)};
    } finally {
      answer.dismiss();
    }
  });
}

/** The first response to a command comes at once and says only that it was heard; a later one, that a card was seen. */
const FIRST_RESPONSE_MS = 2000;

/**
 * A card that was seen has time to be read: that never shortens the time there was, and lengthens it once – a reader
 * that says without end that it sees one must not be waited for without end.
 */
function judgeFrom(
  {timing}: Session,
  {wait_ms, onShown, taken = null}: ActivationRequest,
): (frame: ResponseFrame) => Verdict {
  const {scale, card_grace} = timing;
  const start = performance.now();
  const deadline = start + wait_ms * scale + card_grace;
  return (frame) => {
    if (frame.command === BOOT) return 'take';
    if (!ANSWERING.has(frame.command) || isCopy(frame, taken)) return 'ignore';
    if (statusOf(frame.status).kind !== 'interim') return 'take';
    const now = performance.now();
    const shown = shownBy(frame, now - start < FIRST_RESPONSE_MS * scale);
    if (shown === null) return 'ignore';
    onShown(shown);
    const left = Math.max(deadline - now, Math.min(card_grace, deadline + card_grace - now));
    return {wait_ms: Math.max(left, 0)};
  };
}

function isCopy(frame: ResponseFrame, taken: ResponseFrame | null): boolean {
  return taken !== null && frame.status === taken.status && frame.data.equals(taken.data);
}

function shownBy({status, data}: ResponseFrame, early: boolean): Shown | null {
  if (status !== STATUS.moreFollows) return readUserInterface(data);
  return early ? null : {kind: 'seen'};
}

/** A reader that starts in the middle of a read has forgotten it: waiting on would be waiting for nothing. */
function refuseRestart(frame: ResponseFrame): ResponseFrame {
  if (frame.command !== BOOT) return frame;
  throw new StowpayError(
    'reader_fault',
    'The reader restarted while it waited for a card. No card was read.',
    {
      hint: 'Try again; if it persists, check the power supply of the reader.',
    },
  );
}

/**
 * Ends the read at the reader. Its two answers – to the cancel and to the read – come in either order, and the
 * read's may never come. Returns the read's answer if there was one.
 */
async function cancel(session: Session, answer: Waiting | null): Promise<ResponseFrame | null> {
  const confirmed = session.expect(COMMANDS.cancel);
  session.send(COMMANDS.cancel);
  const confirmation = await confirmed.received;
  if (confirmation.kind === 'timeout') await session.revive();
  if (answer === null) return null;
  const late = setTimeout(() => answer.dismiss(), session.timing.late_answer);
  const received = await answer.received;
  clearTimeout(late);
  return received.kind === 'frame' && received.frame.command !== BOOT ? received.frame : null;
}

function answerOrAbort(
  received: Promise<Received>,
  signal: AbortSignal | undefined,
): Promise<Received | 'aborted'> {
  if (signal === undefined) return received;
  let onAbort: () => void = () => {};
  const aborted = new Promise<'aborted'>((resolve) => {
    onAbort = () => resolve('aborted');
    signal.addEventListener('abort', onAbort, {once: true});
    if (signal.aborted) onAbort();
  });
  return Promise.race([received, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}
