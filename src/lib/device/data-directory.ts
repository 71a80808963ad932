import {accessSync, constants, readFileSync, statSync} from 'node:fs';
import {homedir} from 'node:os';
import {isAbsolute, join, resolve} from 'node:path';
import {StowpayError} from '../core/errors.js';
import {makePath} from '../storage/disk.js';

const SYSTEM_CONFIG = '/etc/stowpay/config.json';
const SYSTEM_DIRECTORY = '/var/lib/stowpay';

/** A setting and where it came from. */
export interface Setting {
  readonly value: string;
  readonly from: string;
}

/** Where this device keeps its data: what was named, else system-wide, else the user's XDG state directory. */
export function dataDirectory(named: Setting | null, env: NodeJS.ProcessEnv): Setting {
  if (named !== null) return {...named, value: resolve(named.value)};
  const configured = systemConfigured();
  if (configured !== null) return {value: configured, from: SYSTEM_CONFIG};
  if (isDirectory(SYSTEM_DIRECTORY)) return {value: SYSTEM_DIRECTORY, from: 'the system-wide directory'};
  const state = env.XDG_STATE_HOME;
  const base = state !== undefined && isAbsolute(state) ? state : join(homedir(), '.local', 'state');
  return {value: join(base, 'stowpay'), from: 'the XDG state directory'};
}

function systemConfigured(): string | null {
  try {
    const config = JSON.parse(readFileSync(SYSTEM_CONFIG, 'utf8')) as {data_dir?: unknown};
    return typeof config.data_dir === 'string' && isAbsolute(config.data_dir) ? config.data_dir : null;
  } catch {
    return null;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Throws `data_directory_unusable` when the path exists and cannot be read as a directory. */
export function checkReadable({value, from}: Setting): void {
  try {
    const stats = statSync(value);
    if (!stats.isDirectory()) throw Object.assign(new Error('not a directory'), {code: 'ENOTDIR'});
    accessSync(value, constants.R_OK | constants.X_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw unusable(value, from, error);
  }
}

/**
 * Creates the directory if need be and checks that it may be written, by its owner.
 * Throws `data_directory_unusable`, `data_directory_foreign_owner`.
 */
export function checkWritable({value, from}: Setting): void {
  try {
    makePath(value);
    accessSync(value, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unusable(value, from, error);
  }
  const owner = statSync(value).uid;
  const user = process.getuid?.();
  if (user === undefined || user === owner) return;
  throw new StowpayError(
    'data_directory_foreign_owner',
    `The data directory ${value} belongs to user ${owner}, not to user ${user} who runs this command. Nothing was written.`,
    {hint: `Run stowpay as user ${owner}: files of two owners would lock each other out.`},
  );
}

function unusable(path: string, from: string, cause: unknown): StowpayError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  if (code === 'EROFS') {
    return new StowpayError(
      'journal_read_only',
      `The disk of the data directory ${path} (from ${from}) is read-only. Nothing was stored.`,
      {
        hint: 'Stop selling with this device. A disk that turns read-only is often about to fail: check it.',
        cause,
      },
    );
  }
  return new StowpayError(
    'data_directory_unusable',
    `The data directory ${path} (from ${from}) cannot be used: ${code}. Nothing was stored.`,
    {hint: 'Check the path, its permissions and its disk, or name another with --data-dir.', cause},
  );
}
