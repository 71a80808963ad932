import type {CardAnswer} from '../core/card.js';
import {StowpayError} from '../core/errors.js';
import type {CardRequest, Reader, ReaderIdentity, SaleOutcome} from '../core/ports.js';
import type {ReaderInput} from '../core/reader-input.js';
import {hold, letGo, mayFail, tell} from './conversation.js';
import {refuseReaderFault} from './decode/answer.js';
import type {Ended} from './dialogue.js';
import {clockSettings, DISPLAY_SETTINGS, isTestKey, keyState, ON_DEMAND, printable} from './neo2-data.js';
import type {Session} from './session.js';
import {COMMANDS, type Command} from './wire/commands.js';
import type {ResponseFrame} from './wire/frame.js';
import {hexByte, STATUS, statusOf} from './wire/status.js';

/** The `type` by which the rules know this family of readers. */
export const NEO2_TYPE = 'idtech_neo2';

const NO_CHIP = {held: false, in_slot: false};

/** An ID TECH reader of the NEO 2 family over a session. */
export class Neo2Reader implements Reader {
  readonly address: string;
  readonly #session: Session;
  /** The chip of the last read. */
  #chip: Pick<Ended, 'held' | 'in_slot'> = NO_CHIP;

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
    this.#chip = NO_CHIP;
    if (signal?.aborted === true) return {kind: 'no_card', reason: 'canceled'};
    // Proves the reader alive, and flushes a late answer of an earlier, canceled read.
    await this.#require(COMMANDS.ping);
    const ended = await hold(this.#session, request, onInput, signal);
    this.#chip = ended;
    this.#session.probe(!ended.held);
    return ended.answer;
  }

  async finish(outcome: SaleOutcome, onInput: (input: ReaderInput) => void): Promise<void> {
    const {held, in_slot} = this.#chip;
    this.#chip = NO_CHIP;
    if (held) await letGo(this.#session, outcome);
    this.#session.probe(true);
    if (in_slot) tell(onInput, {display_message: 'remove_card', input_options: []});
    const shown = outcome === 'authorized' || outcome === 'stored';
    await mayFail(this.#session, COMMANDS.showResult, Buffer.from([shown ? 0 : 1]));
  }

  async close(): Promise<void> {
    await this.#session.close();
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
