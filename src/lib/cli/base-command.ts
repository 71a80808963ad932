import {Command, Flags} from '@oclif/core';
import type {StowpayError} from '../core/errors.js';
import {maskSecrets} from '../core/mask.js';

import {openTerminal, type Setting, type Terminal} from '../index.js';
import {asStowpayError, failureEnvelope, successEnvelope, type Warning} from './envelope.js';
import {listenForSignals} from './interruption.js';
import {type Look, lookOf} from './look.js';

/** What a command found out: the object for `--json`, the text for a person, and the error that sets the exit code. */
export interface Answer {
  readonly result: object;
  text(look: Look): string;
  readonly warnings?: readonly Warning[];
  /** Set when the command worked but its answer is not 0 (`status --check`, `forward` with a decline). */
  readonly error?: StowpayError | null;
}

/** What a command works with. */
export interface Run {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Messages and progress; stderr. */
  note(text: string): void;
  readonly look: Look;
  readonly json: boolean;
  /** A person sits at a terminal and may be asked. */
  readonly mayAsk: boolean;
}

/**
 * What every command has: the flags they share, and one way to print. Prints exactly one object with `--json`, also on
 * failure and on usage errors; sets the exit code from the one table.
 */
export abstract class PrintingCommand extends Command {
  static override baseFlags = {
    json: Flags.boolean({description: 'Print exactly one JSON object.', helpGroup: 'GLOBAL'}),
    'data-dir': Flags.string({
      description: 'Where this device keeps its data.',
      env: 'STOWPAY_DATA_DIR',
      helpGroup: 'GLOBAL',
    }),
    profile: Flags.string({
      description: 'Which payment API to use; sandbox moves no money.',
      env: 'STOWPAY_PROFILE',
      helpGroup: 'GLOBAL',
    }),
    'no-input': Flags.boolean({
      description: 'Never ask; fail and name the flag instead.',
      helpGroup: 'GLOBAL',
    }),
  };

  /** Collected on the way and printed with the answer or the failure. */
  protected readonly warnings: Warning[] = [];

  /** Everything thrown ends here: one shape, one exit code. */
  protected override async catch(thrown: Error & {exitCode?: number}): Promise<void> {
    // `--help` and `--version` leave through oclif's own exit.
    if ((thrown as {code?: string}).code === 'EEXIT') throw thrown;
    reportFailure(asStowpayError(thrown), this.argv, this.warnings);
  }

  protected print(answer: Answer): void {
    const warnings = [...this.warnings, ...(answer.warnings ?? [])];
    const {error} = answer;
    if (wantsJson(this.argv)) {
      const envelope =
        error == null
          ? successEnvelope(answer.result, warnings)
          : failureEnvelope(error, warnings, answer.result);
      process.stdout.write(`${JSON.stringify(envelope)}\n`);
    } else {
      const text = answer.text(lookOf(process.stdout, process.env));
      if (text !== '') process.stdout.write(`${text}\n`);
      printWarnings(warnings);
      if (error != null) printError(error);
    }
    if (error != null) process.exitCode = error.exitCode;
  }
}

/** A command that works with the till: parse, one call, print. Closes what it opened. */
export abstract class StowpayCommand extends PrintingCommand {
  /** Null when everything was printed already (a server that ran until it was stopped). */
  protected abstract answer(run: Run): Promise<Answer | null>;

  override async run(): Promise<void> {
    const interruption = listenForSignals();
    let terminal: Terminal | null = null;
    try {
      const {flags} = await this.parse(this.ctor as typeof StowpayCommand);
      terminal = await openTerminal({
        dataDirectory: setting(flags['data-dir'], '--data-dir'),
        profile: setting(flags.profile, '--profile'),
      });
      if (terminal.profile.sandbox) {
        this.warnings.push({code: 'sandbox', message: 'SANDBOX: no money moves.'});
      }
      const look = lookOf(process.stderr, process.env);
      const json = flags.json === true;
      const answer = await this.answer({
        terminal,
        signal: interruption.signal,
        look,
        json,
        note: (text) => process.stderr.write(`${text}\n`),
        mayAsk: !json && flags['no-input'] !== true && process.stdin.isTTY === true && look.terminal,
      });
      if (answer !== null) this.print(answer);
    } finally {
      interruption.stop();
      await terminal?.close();
    }
  }
}

/** Prints a failure the way the caller asked for and sets the exit code. */
export function reportFailure(
  error: StowpayError,
  argv: readonly string[],
  warnings: readonly Warning[] = [],
): void {
  if (wantsJson(argv)) process.stdout.write(`${JSON.stringify(failureEnvelope(error, warnings))}\n`);
  else {
    printWarnings(warnings);
    printError(error);
  }
  process.exitCode = error.exitCode;
  if (process.env.STOWPAY_DEBUG === '1')
    process.stderr.write(`${(error.cause as Error)?.stack ?? error.stack}\n`);
}

/** Usage errors come before flags are parsed, so the words themselves are looked at. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json');
}

function printWarnings(warnings: readonly Warning[]): void {
  const look = lookOf(process.stderr, process.env);
  for (const {message} of warnings) process.stderr.write(`${look.warn(message)}\n`);
}

function printError(error: StowpayError): void {
  const look = lookOf(process.stderr, process.env);
  process.stderr.write(
    `${look.bad('Error:')} ${maskSecrets(error.message)} ${look.dim(`[${error.code}]`)}\n`,
  );
  if (error.hint !== undefined) process.stderr.write(`${look.bold('Do:')} ${error.hint}\n`);
}

/** A flag or variable as a setting; an empty one was not given. */
export function setting(value: string | undefined, from: string): Setting | null {
  return value === undefined || value === '' ? null : {value, from};
}
