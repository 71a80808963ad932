import {StowpayError} from '../core/errors.js';
import {maskSecrets} from '../core/mask.js';

export interface Warning {
  readonly code: string;
  readonly message: string;
}

/** The one object `--json` prints on success. */
export function successEnvelope(result: object, warnings: readonly Warning[]): object {
  return {ok: true, result, warnings};
}

/**
 * The one object `--json` prints on failure. Holds no argv, no secrets, nothing of the framework.
 * @param result what the command found out all the same (`status --check`, `forward`)
 */
export function failureEnvelope(error: StowpayError, warnings: readonly Warning[], result?: object): object {
  const {code, message, hint, exitCode: exit_code, details} = error;
  return {
    ok: false,
    error: {code, message: maskSecrets(message), hint: hint ?? null, exit_code, details},
    ...(result === undefined ? {} : {result}),
    warnings,
  };
}

/** Whatever was thrown, as the error a caller gets. Messages of foreign errors may hold anything, so they stay inside. */
export function asStowpayError(error: unknown): StowpayError {
  if (error instanceof StowpayError) return error;
  if ((error as Error | null)?.name === 'ExitPromptError') {
    // Ctrl-C at a question: inquirer's own way of saying so.
    return new StowpayError('interrupted', 'Interrupted. Nothing was done.', {
      hint: 'Run the command again.',
    });
  }
  if (isUsageError(error)) {
    return new StowpayError('invalid_usage', usageMessage(error), {
      hint: 'See the --help of the command. Nothing was done.',
    });
  }
  const full = (error as NodeJS.ErrnoException | null)?.code;
  if (full === 'ENOSPC') {
    return new StowpayError('journal_full', 'The disk is full. Nothing was stored by this step.', {
      hint: 'Free space on the disk of the data directory.',
      cause: error,
    });
  }
  return new StowpayError('unexpected', `Something failed that should not be able to: ${describe(error)}`, {
    hint: 'This is a bug. What is in the journal is safe; see stowpay status. Run again with STOWPAY_DEBUG=1 for the trace.',
    cause: error,
  });
}

/** The name and place of a foreign error, without its data. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const {code} = error as NodeJS.ErrnoException;
  return code === undefined
    ? `${error.name}: ${error.message.split('\n')[0]?.slice(0, 200) ?? ''}`
    : `${error.name} ${code}`;
}

/** oclif's errors about flags, arguments and unknown commands. */
function isUsageError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const {oclif} = error as {oclif?: {exit?: number}};
  return oclif?.exit === 2 || 'parse' in error;
}

/** oclif's message in one line, without the words it quotes: what was typed by mistake may be a secret. */
function usageMessage(error: Error): string {
  const text = error.message.split('\nSee more help')[0] ?? '';
  const message = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ')
    .replace(/^The following errors? occurred: /, '')
    .replace(/^Unexpected arguments?: .*/, 'There are more words than this command takes.')
    .replace(/^command .* not found/, 'There is no such command')
    .replace(/(Nonexistent flags?: .*)/, (names) => names.replace(/=\S*/g, ''))
    .replace(/^Expected (--[\w-]+)=.* to be one of/, 'Expected $1 to be one of')
    .replace(/^Expected (?!--).* to be one of/, 'Expected the word to be one of')
    .replace(/ but received: .*/, '')
    .slice(0, 400);
  return message.endsWith('.') ? message : `${message}.`;
}
