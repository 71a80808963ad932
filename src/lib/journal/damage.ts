import {join} from 'node:path';
import {StowpayError} from '../core/errors.js';
import type {Storage} from '../storage/storage.js';
import {lineOfByte} from './lines.js';

export interface Damage {
  readonly segment: string;
  /** 1-based. */
  readonly line: number;
  readonly byte: number;
  readonly reason: string;
}

/** Damage at a byte of a segment, with the line that byte stands in. */
export function damageAt(
  storage: Storage,
  directory: string,
  segment: string,
  byte: number,
  reason: string,
): Damage {
  return {segment, line: lineOfByte(storage, join(directory, segment), byte), byte, reason};
}

/** The error of a damaged journal. Reads go on; nothing is written any more. */
export function damagedError(damage: Damage): StowpayError {
  const {segment, line, byte, reason} = damage;
  return new StowpayError(
    'journal_damaged',
    `The journal is damaged: segment ${segment}, line ${line}, byte ${byte}: ${reason}. ` +
      'Nothing was changed; payments recorded before that place are still readable.',
    {
      hint:
        'Stop selling with this device and do not wipe. stowpay journal verify lists all damage; copy the whole data ' +
        'directory before stowpay journal repair.',
      details: {...damage},
    },
  );
}

/** The error of a journal whose repair was begun and not finished: what lies there is half old, half new. */
export function unfinishedRepairError(directory: string): StowpayError {
  return new StowpayError(
    'journal_damaged',
    `A repair of the journal in ${directory} was not finished. Nothing is read or written until it is; nothing is lost.`,
    {hint: 'Run stowpay journal repair again: it goes on where it was stopped.'},
  );
}

/** The error of a journal that belongs to another machine. */
export function clonedError(): StowpayError {
  return new StowpayError(
    'journal_cloned',
    'This data directory was copied from another machine (or the machine’s id changed). Two devices that forward the ' +
      'same payments could charge them twice, so nothing was written.',
    {
      hint:
        'If the other device is still in use, do not sell or forward here. If this one takes its place for good: ' +
        'stowpay journal adopt.',
    },
  );
}

/** The error of a journal all of whose segments are gone. */
export function lostError(directory: string): StowpayError {
  return new StowpayError(
    'journal_damaged',
    `There was a journal in ${directory}, and every segment of it is gone. What it held is unknown. Nothing was changed.`,
    {hint: 'Stop selling and do not wipe. Restore the segments (*.jsonl) from a backup of this device.'},
  );
}

/** The error of a journal written by a newer program. */
export function versionError(damage: Damage): StowpayError {
  return new StowpayError(
    'journal_version_unknown',
    `The journal was written by a newer stowpay: ${damage.reason} (segment ${damage.segment}, line ${damage.line}). ` +
      'Nothing was changed.',
    {hint: 'Install the newer version again.', details: {...damage}},
  );
}

/** The error of a failed write or sync: final for the process, the outcome cannot be known here. */
export function writeFailed(cause: unknown, path: string): StowpayError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  return new StowpayError(
    'journal_write_failed',
    `Writing the journal failed (${code} on ${path}). It is unknown whether the last record was stored.`,
    {
      hint:
        'Stop selling and check the disk. Then run stowpay status: it shows what was really stored. ' +
        'Repeat a sale only with the same --reference.',
      cause,
      details: {errno: code},
    },
  );
}

/** The error of a full disk: the write was taken back, so nothing was stored. */
export function diskFull(cause: unknown, path: string): StowpayError {
  return new StowpayError(
    'journal_full',
    `The disk is full (${path}). Nothing was stored and no money was taken by this step.`,
    {hint: 'Stop selling and free space on the disk of the data directory.', cause},
  );
}

/** The error of a disk that is read-only, or has turned so. */
export function readOnlyError(cause: unknown, path: string): StowpayError {
  return new StowpayError(
    'journal_read_only',
    `The disk is read-only (${path}). Nothing was stored and no money was taken by this step.`,
    {
      hint:
        'Stop selling with this device. A disk that turns read-only is often about to fail: copy the data directory, ' +
        'then check the disk. stowpay status and inspect still show what is stored.',
      cause,
    },
  );
}

/** The error of a step that failed before anything was written. */
export function nothingWritten(cause: unknown, path: string): StowpayError {
  const {code} = cause as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(cause, path);
  return code === 'EROFS' ? readOnlyError(cause, path) : readFailed(cause, path);
}

/** Acts on the files of a journal, where nothing was written yet, and says so when the disk does not answer. */
export function onDisk<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw diskError(error, path);
  }
}

/** What the operating system said, as an error of the journal; anything else as it is. */
export function diskError(error: unknown, path: string): unknown {
  const errno = error instanceof Error && 'code' in error && /^E[A-Z0-9]+$/.test(String(error.code));
  return errno ? nothingWritten(error, path) : error;
}

/** The error of a journal that could not be read or recovered: nothing was written by this step. */
export function readFailed(cause: unknown, path: string): StowpayError {
  const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  return new StowpayError(
    'journal_read_failed',
    `The journal could not be read (${code} in ${path}). Nothing was stored.`,
    {
      hint: 'Check the disk and the permissions of the data directory. Do not sell and do not wipe until then.',
      cause,
      details: {errno: code},
    },
  );
}

/** The error of a lock that another process held too long. */
export function lockedError(waitMs: number): StowpayError {
  return new StowpayError(
    'journal_locked',
    `Another process held the journal for more than ${waitMs / 1000} s. Nothing was changed by this command.`,
    {hint: 'Run the command again shortly. If it stays so, look for a stowpay process that hangs.'},
  );
}

/** The error of a data directory without a journal. */
export function notFoundError(directory: string): StowpayError {
  return new StowpayError(
    'journal_not_found',
    `There is no stowpay journal in ${directory}. This says nothing about payments stored elsewhere.`,
    {
      hint: 'Check --data-dir or STOWPAY_DATA_DIR. A new device begins with stowpay connect.',
      details: {data_directory: directory},
    },
  );
}
