import type {CardAnswer, ReaderInput} from '../core/card.js';
import {StowpayError} from '../core/errors.js';
import type {CardRequest, Reader, ReaderIdentity} from '../core/ports.js';
import {type Activation, activate} from './activation.js';
import {decodeAnswer, isChipStarted, refuseReaderFault} from './decode/answer.js';
import {
  clockSettings,
  contactRequest,
  DISPLAY_SETTINGS,
  isTestKey,
  keyState,
  ON_DEMAND,
  printable,
  transactionRequest,
} from './neo2-data.js';
import type {Session} from './session.js';
import {COMMANDS, type Command} from './wire/commands.js';
import type {ResponseFrame} from './wire/frame.js';
import {hexByte, STATUS, statusOf} from './wire/status.js';

/** The `type` by which the rules know this family of readers. */
export const NEO2_TYPE = 'idtech_neo2';

/** Milliseconds a contact card may take to be authenticated; the same figure the request names. */
const CONTACT_WAIT_MS = 120_000;

/** An ID TECH reader of the NEO 2 family over a session. */
export class Neo2Reader implements Reader {
  readonly address: string;
  readonly #session: Session;

  constructor(address: string, session: Session) {
    this.address = address;
    this.#session = session;
  }

  async identify(signal?: AbortSignal): Promise<ReaderIdentity> {
    const firmware = await this.#require(COMMANDS.firmware, undefined, signal);
    const serial = await this.#session.exchange(COMMANDS.serialNumber, undefined, signal);
    const encryption = await this.#session.exchange(COMMANDS.encryptionState, undefined, signal);
    const key = keyState(await this.#session.exchange(COMMANDS.keyState, Buffer.from([2, 0, 0]), signal));
    return {
      type: NEO2_TYPE,
      // A reader whose number was never set answers "not allowed".
      serial_number: serial.status === STATUS.ok ? printable(serial.data) : '',
      firmware: printable(firmware.data),
      // Both kinds of data, chip and stripe; a reader that does not know the question does not encrypt.
      encryption_enabled: encryption.status === STATUS.ok && ((encryption.data[0] ?? 0) & 0x03) === 0x03,
      key,
      test_key: isTestKey(key.ksn),
    };
  }

  async prepare(now: Date, signal?: AbortSignal): Promise<void> {
    await this.#require(COMMANDS.setPollMode, ON_DEMAND, signal);
    const {date, time} = clockSettings(now);
    await this.#require(COMMANDS.setDate, date, signal);
    await this.#require(COMMANDS.setTime, time, signal);
    for (const setting of DISPLAY_SETTINGS) await this.#set(setting, signal);
  }

  async collect(
    request: CardRequest,
    onInput: (input: ReaderInput) => void,
    signal?: AbortSignal,
  ): Promise<CardAnswer> {
    if (signal?.aborted === true) return {kind: 'no_card', reason: 'canceled'};
    // Proves the reader alive, and flushes a late answer of an earlier, canceled read.
    await this.#require(COMMANDS.ping);
    onInput('present_card');
    const activation = await activate(this.#session, {
      command: COMMANDS.activate,
      data: transactionRequest(request),
      wait_ms: request.timeout_s * 1000,
      onInput,
      signal,
    });
    const started = activation.ended === 'answered' ? activation.answer : null;
    const answer =
      started !== null && isChipStarted(started.data)
        ? await this.#authenticateContact(started, onInput, signal)
        : conclude(activation, []);
    if (answer.kind === 'card' && answer.card.read_method === 'contact_emv') onInput('remove_card');
    return answer;
  }

  async showResult(accepted: boolean): Promise<void> {
    const result = Buffer.from([accepted ? 0 : 1]);
    // Without the session's revival: a display that stays dark must not hold up a sale.
    await this.#session.exclusively(() => this.#session.ask(COMMANDS.showResult, result)).catch(() => {});
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #authenticateContact(
    started: ResponseFrame,
    onInput: (input: ReaderInput) => void,
    signal: AbortSignal | undefined,
  ): Promise<CardAnswer> {
    onInput('wait');
    const activation = await activate(this.#session, {
      command: COMMANDS.authenticateContact,
      data: contactRequest(CONTACT_WAIT_MS),
      wait_ms: CONTACT_WAIT_MS,
      onInput,
      signal,
    });
    return conclude(activation, [started.data]);
  }

  /** Older firmware knows fewer settings: what it does not know it cannot be told, and needs no telling. */
  async #set(setting: Buffer, signal: AbortSignal | undefined): Promise<void> {
    const response = await this.#session.exchange(COMMANDS.setConfiguration, setting, signal);
    if (statusOf(response.status).kind !== 'rejected') refuseFailure(COMMANDS.setConfiguration, response);
  }

  async #require(command: Command, data?: Buffer, signal?: AbortSignal): Promise<ResponseFrame> {
    const response = await this.#session.exchange(command, data, signal);
    refuseFailure(command, response);
    return response;
  }
}

/** What a finished read means. After a cancel only a card that was already read still counts. */
function conclude(activation: Activation, earlier: readonly Buffer[]): CardAnswer {
  const {answer, ended} = activation;
  if (ended === 'answered' && answer !== null) {
    return decodeAnswer({status: answer.status, data: answer.data, earlier});
  }
  const reason = ended === 'timeout' ? 'timeout' : 'canceled';
  if (answer !== null && ['ok', 'online'].includes(statusOf(answer.status).kind)) {
    const late = decodeAnswer({status: answer.status, data: answer.data, earlier});
    if (late.kind !== 'failed') return late;
  }
  return {kind: 'no_card', reason};
}

function refuseFailure(command: Command, response: ResponseFrame): void {
  const {kind, meaning} = statusOf(response.status);
  if (kind === 'ok') return;
  refuseReaderFault(kind);
  throw new StowpayError(
    'reader_fault',
    `The reader answered "${command.name}" with status ${hexByte(response.status)} (${meaning}).`,
    {hint: 'Check the firmware and the settings of the reader (docs/READER.md).'},
  );
}
