import type {CardAnswer} from '../core/card.js';
import {StowpayError} from '../core/errors.js';
import type {CardRequest, SaleOutcome} from '../core/ports.js';
import type {ReaderInput} from '../core/reader-input.js';
import {type Activation, type ActivationRequest, activate} from './activation.js';
import {decodeAnswer, isChipStarted} from './decode/answer.js';
import {asksToSeePhone} from './decode/user-interface.js';
import {
  type Authenticating,
  begin,
  type Ended,
  type Happening,
  next,
  type Reading,
  type Step,
} from './dialogue.js';
import {contactRequest, hostAnswer, startContactRequest, transactionRequest} from './neo2-data.js';
import type {Session} from './session.js';
import {COMMANDS, type Command} from './wire/commands.js';
import type {ResponseFrame} from './wire/frame.js';
import {STATUS, statusOf} from './wire/status.js';

/** Milliseconds a contact card may take to be authenticated; the same figure the request names. */
const CONTACT_WAIT_MS = 120_000;

/** What is asked of the reader, and what it said: the dialogue's happening, and the frame where it was a final answer. */
interface Heard {
  readonly happening: Happening;
  readonly frame: ResponseFrame | null;
}

/**
 * Holds the whole dialogue of one payment with a customer. Resolves with how it ended; rejects with what is the
 * reader's own fault. Afterwards no read is under way; a chip may wait for its host.
 */
export async function hold(
  session: Session,
  request: CardRequest,
  onInput: (input: ReaderInput) => void,
  signal: AbortSignal | undefined,
): Promise<Ended> {
  const start = performance.now();
  let started: ResponseFrame | null = null;
  let failures = 0;
  let step = begin({
    timeout_ms: request.timeout_s * 1000,
    stripe: request.stripe,
    barred: request.contactless === false ? ['contactless'] : [],
  });
  const go = (happening: Happening): Step => {
    const {scale} = session.timing;
    step = next(step.state, happening, (performance.now() - start) / scale);
    return step;
  };
  // Somebody who listens to frames must not be thrown at.
  const onShown = (happening: Happening): void => {
    for (const input of go(happening).say) tell(onInput, input);
  };
  try {
    for (;;) {
      for (const input of step.say) onInput(input);
      const {state} = step;
      if (state.kind === 'reading' && state.failures.length > failures) {
        failures = state.failures.length;
        await pause(session.timing.retry_pause, signal);
        // Whatever the read before still has to say is no answer to the next one.
        await mayFail(session, COMMANDS.ping);
      }
      if (state.kind === 'ended') return state;
      if (state.kind === 'stuck') throw new Error('a refused read was not refused by its answer');
      const asked = commandOf(state, request);
      const activation = await perform(session, state, {...asked, taken: started, onShown, signal});
      const heard = hear(state, activation, started?.data ?? null);
      if (go(heard.happening).state.kind === 'stuck') throw refusalOf(heard);
      started = heard.happening.kind === 'started' ? heard.frame : null;
    }
  } catch (error) {
    // A chip was started, or whoever listened threw: what was begun is ended at the reader.
    const abandoned = step.state.kind === 'authenticating' || !(error instanceof StowpayError);
    if (abandoned) await mayFail(session, COMMANDS.cancel);
    throw error;
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, {once: true});
    if (signal?.aborted === true) end();
  });
}

/** Nothing is begun any more after an abort; a chip that was started is let go of. */
async function perform(
  session: Session,
  state: Reading | Authenticating,
  request: ActivationRequest,
): Promise<Activation> {
  if (request.signal?.aborted !== true) return activate(session, request);
  if (state.kind === 'authenticating') await mayFail(session, COMMANDS.cancel);
  return {ended: 'canceled', answer: null};
}

/**
 * Tells the chip what its host said, so that it ends its dialogue; a reader that does not take that is told to cancel
 * it. Never rejects.
 */
export async function letGo(session: Session, outcome: SaleOutcome): Promise<void> {
  const answer = await mayFail(session, COMMANDS.completeContact, hostAnswer(outcome));
  const ended = answer !== null && statusOf(answer.status).kind !== 'rejected';
  if (!ended) await mayFail(session, COMMANDS.cancel);
}

/**
 * A command that changes nothing of what was decided, so that its failure is nobody's. Without the session's revival:
 * a reader that stays silent must not hold up a sale. Never rejects; null when there was no answer.
 */
export async function mayFail(
  session: Session,
  command: Command,
  data?: Buffer,
): Promise<ResponseFrame | null> {
  try {
    const received = await session.exclusively(() => session.ask(command, data));
    return received.kind === 'frame' ? received.frame : null;
  } catch {
    return null;
  }
}

/** Tells somebody who may fail at hearing it. */
export function tell(onInput: (input: ReaderInput) => void, input: ReaderInput): void {
  try {
    onInput(input);
  } catch {
    // Whoever listens to what a customer should do decides nothing about the money.
  }
}

function commandOf(
  state: Reading | Authenticating,
  request: CardRequest,
): {readonly command: Command; readonly data: Buffer; readonly wait_ms: number} {
  if (state.kind === 'authenticating') {
    const data = contactRequest(CONTACT_WAIT_MS);
    return {command: COMMANDS.authenticateContact, data, wait_ms: CONTACT_WAIT_MS};
  }
  const {wait_ms} = state;
  return state.starter === 'start_contact'
    ? {command: COMMANDS.startContact, data: startContactRequest(request, state), wait_ms}
    : {command: COMMANDS.activate, data: transactionRequest(request, state), wait_ms};
}

function hear(state: Reading | Authenticating, activation: Activation, started: Buffer | null): Heard {
  const {answer: frame, ended} = activation;
  if (ended === 'answered' && frame !== null) {
    if (isRefused(state, frame)) return {frame, happening: {kind: 'refused'}};
    const fine = statusOf(frame.status).kind === 'ok';
    if (state.kind === 'reading' && fine && isChipStarted(frame.data))
      return {frame, happening: {kind: 'started'}};
  }
  return {frame, happening: {kind: 'answered', answer: conclude(activation, started)}};
}

/** A reader that does not know a command, or cannot do what is in it, may know another. */
function isRefused(state: Reading | Authenticating, {status}: ResponseFrame): boolean {
  if (statusOf(status).kind !== 'rejected') return false;
  if (state.kind === 'authenticating' || state.starter === 'start_contact') return true;
  return status === STATUS.wrongParameter || status === STATUS.unsupportedParameter;
}

function refusalOf({frame}: Heard): unknown {
  try {
    decodeAnswer({status: frame?.status ?? STATUS.notAllowed, data: Buffer.alloc(0)});
  } catch (error) {
    return error;
  }
  return new StowpayError(
    'reader_fault',
    'The reader refused to read a card. Nothing was charged or stored.',
  );
}

/** What a finished read means. After a cancel only a card that was already read still counts. */
function conclude({answer, ended}: Activation, started: Buffer | null): CardAnswer {
  const earlier = started === null ? [] : [started];
  if (ended === 'answered' && answer !== null) {
    const decoded = decodeAnswer({status: answer.status, data: answer.data, earlier});
    const phone =
      decoded.kind === 'failed' && decoded.reason !== 'declined_by_card' && asksToSeePhone(answer.data);
    return phone ? {...decoded, reason: 'see_phone'} : decoded;
  }
  const reason = ended === 'timeout' ? 'timeout' : 'canceled';
  if (answer !== null && ['ok', 'online'].includes(statusOf(answer.status).kind)) {
    const late = decodeAnswer({status: answer.status, data: answer.data, earlier});
    if (late.kind !== 'failed') return late;
  }
  return {kind: 'no_card', reason};
}
