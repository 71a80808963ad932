import type {CardAnswer} from '../core/card.js';
import {StowpayError} from '../core/errors.js';
import {
  type Examination,
  type ReaderSetting,
  type SettingChange,
  type SettingOutcome,
  settingChanges,
} from '../core/examination.js';
import type {CardRequest, Reader, ReaderIdentity, SaleOutcome} from '../core/ports.js';
import type {ReaderInput} from '../core/reader-input.js';
import {hold, letGo, mayFail, tell} from './conversation.js';
import {refuseReaderFault} from './decode/answer.js';
import type {Ended} from './dialogue.js';
import {answerOf, encryptionOf, examine, KEY_SLOT, tagText} from './examine.js';
import {isTestKey, keyState, printable} from './neo2-data.js';
import type {Session} from './session.js';
import {settingCommands} from './settings.js';
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
  /** How often it had restarted when it was prepared. */
  #restarts: number;

  constructor(address: string, session: Session) {
    this.address = address;
    this.#session = session;
    this.#restarts = session.restarts;
  }

  async identify(signal?: AbortSignal): Promise<ReaderIdentity> {
    const firmware = await this.#firmware(signal);
    const serial_number = await this.#serialNumber(signal);
    const encryption = await this.#session.exchange(COMMANDS.encryptionState, undefined, signal);
    const key = keyState(await this.#session.exchange(COMMANDS.keyState, KEY_SLOT, signal));
    return {
      type: NEO2_TYPE,
      serial_number,
      firmware,
      encryption_enabled: encryptsAll(encryption),
      key,
      test_key: isTestKey(key.ksn),
    };
  }

  /** The product's own text, else the version of its main firmware; '' when it tells neither. */
  async #firmware(signal: AbortSignal | undefined): Promise<string> {
    const product = await this.#session.exchange(COMMANDS.firmware, undefined, signal);
    refuseUnlessRejected(COMMANDS.firmware, product);
    if (product.status === STATUS.ok) return printable(product.data);
    const main = await this.#session.exchange(COMMANDS.mainFirmware, undefined, signal);
    refuseUnlessRejected(COMMANDS.mainFirmware, main);
    const version = answerOf(main, (data) => tagText(data, 'DF62'));
    return version.kind === 'told' ? version.value : '';
  }

  /** A reader whose number was never set answers "not allowed": that is ''. */
  async #serialNumber(signal: AbortSignal | undefined): Promise<string> {
    const response = await this.#session.exchange(COMMANDS.serialNumber, undefined, signal);
    refuseUnlessRejected(COMMANDS.serialNumber, response);
    return response.status === STATUS.ok ? printable(response.data) : '';
  }

  async prepare(now: Date | null, signal?: AbortSignal): Promise<ReadonlyMap<ReaderSetting, SettingOutcome>> {
    this.#restarts = this.#session.restarts;
    const outcomes = new Map<ReaderSetting, SettingOutcome>();
    for (const change of settingChanges(now)) {
      outcomes.set(change.setting, await this.set(change, signal));
    }
    return outcomes;
  }

  /** Settings go one by one: a reader refuses a command whole for one setting it does not know. */
  async set(change: SettingChange, signal?: AbortSignal): Promise<SettingOutcome> {
    for (const {command, data} of settingCommands(change)) {
      const response = await this.#session.exchange(command, data, signal);
      // Older firmware knows fewer settings: what it does not know it cannot be told.
      refuseUnlessRejected(command, response);
      if (response.status !== STATUS.ok) return answerOf(response, () => ({kind: 'unreadable'}));
    }
    return {kind: 'told', value: 'set'};
  }

  examine(now: () => number, signal?: AbortSignal): Promise<Examination> {
    return examine(this.#session, now, signal);
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
    // It may have forgotten what it was told, and read cards unasked. Its clock runs on.
    if (this.#session.restarts !== this.#restarts) await this.prepare(null, signal);
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

  async #require(command: Command, data?: Buffer, signal?: AbortSignal): Promise<ResponseFrame> {
    const response = await this.#session.exchange(command, data, signal);
    refuseFailure(command, response);
    return response;
  }
}

/** Not knowing a command is an answer; failing at it, or being tampered with, is none. */
function refuseUnlessRejected(command: Command, response: ResponseFrame): void {
  if (statusOf(response.status).kind !== 'rejected') refuseFailure(command, response);
}

/** Both kinds of data, chip and stripe. A reader that does not say is not sold with, and the message tells why. */
function encryptsAll(response: ResponseFrame): boolean {
  refuseUnlessRejected(COMMANDS.encryptionState, response);
  const encryption = answerOf(response, encryptionOf);
  if (encryption.kind === 'told') return encryption.value === 'all';
  const why =
    encryption.kind === 'refused'
      ? `it answered "${COMMANDS.encryptionState.name}" with status ${encryption.status} (${encryption.meaning})`
      : 'its answer has no form that is known';
  throw new StowpayError(
    'reader_not_encrypting',
    `The reader does not say whether it encrypts card data: ${why}. Nothing was read.`,
    {hint: 'Have its firmware updated by the supplier; a reader that cannot say so is not sold with.'},
  );
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
