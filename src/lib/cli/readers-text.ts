import {ERROR_CODES, StowpayError} from '../core/errors.js';
import {EXIT_CODES} from '../core/exit-codes.js';
import type {FoundReader, ReadersFound} from '../terminal/readers.js';
import type {Look} from './look.js';
import {table} from './table.js';

/** The list as a person reads it: one port a line, then what to do about those that failed. */
export function readersText(look: Look, {readers}: ReadersFound, asked: boolean): string {
  if (readers.length === 0) return '';
  const columns = [{title: 'ADDRESS'}, {title: 'DEVICE'}, {title: asked ? 'READER' : 'PATH'}];
  const rows = readers.map((one) => [
    `${one.address}${one.connected ? ' (connected)' : ''}`,
    deviceText(one),
    asked ? answerText(look, one) : (one.path ?? '-'),
  ]);
  // One alone is told as the error of the command.
  const failed =
    readers.length === 1 ? [] : readers.flatMap(({error}) => (error === null ? [] : [error.message]));
  return [table(look, columns, rows), ...failed.map((line) => look.dim(line))].join('\n');
}

function deviceText({description, usb, path}: FoundReader): string {
  if (usb === null) return description ?? path ?? '-';
  return `${description ?? 'USB'} ${usb.vendor}:${usb.product}`;
}

function answerText(look: Look, {identity, error}: FoundReader): string {
  if (identity !== null) {
    const {type, serial_number, firmware} = identity;
    return look.good(`${type} ${serial_number || '(no serial number)'}, ${firmware}`);
  }
  switch (error?.code) {
    case 'reader_busy':
      return look.warn('in use');
    case 'reader_not_answering':
      return 'no reader';
    default:
      return look.bad(error?.code ?? 'not asked');
  }
}

/**
 * The exit code's reason. A list of ports is good when one reader answers; addresses that were named are good when all
 * of them do.
 */
export function readersError({readers}: ReadersFound, named: boolean, asked: boolean): StowpayError | null {
  if (readers.length === 0) {
    return new StowpayError('reader_not_found', 'This machine has no port that a reader could be at.', {
      hint: 'Plug the reader in. One behind a device server is found by its address: stowpay readers tcp://HOST:PORT.',
    });
  }
  const failed = readers.filter(({answered}) => !answered);
  if (!asked || failed.length === 0 || (!named && failed.length < readers.length)) return null;
  const [first] = failed;
  if (failed.length === 1 && first?.error != null) {
    const {code, message, hint} = first.error;
    return new StowpayError(code, message, {hint: hint ?? undefined});
  }
  return named
    ? new StowpayError(worstCode(failed), `${failed.length} of ${readers.length} readers did not answer.`, {
        hint: 'What each needs is said in the list.',
      })
    : noneAnswers(failed);
}

function noneAnswers(failed: readonly FoundReader[]): StowpayError {
  const busy = failed.filter(({error}) => error?.code === 'reader_busy').length;
  // Where a port is in use, the reader may be just the one that could not be asked.
  return busy > 0
    ? new StowpayError(
        'reader_busy',
        `No reader answers; ${busy} of ${failed.length} ports are in use by another program.`,
        {hint: 'Wait for it or end it, then look again.'},
      )
    : new StowpayError('reader_not_found', `No reader answers at any of ${failed.length} ports.`, {
        hint: 'Check power and cable of the reader, and that it is set to serial (CDC) mode.',
      });
}

function worstCode(failed: readonly FoundReader[]): StowpayError['code'] {
  const codes = failed.map(({error}) => error?.code ?? 'reader_not_found');
  const severity = (code: StowpayError['code']): number => EXIT_CODES[ERROR_CODES[code]].severity;
  return codes.reduce((worst, code) => (severity(code) < severity(worst) ? code : worst));
}
