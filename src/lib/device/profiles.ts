import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {StowpayError} from '../core/errors.js';

export const SANDBOX = 'sandbox';
const GATEWAYS = ['sandbox', 'stripe-compatible', 'stripe'] as const;
const STRIPE_URL = 'https://api.stripe.com';

/** Which payment API, with which key. */
export interface ProfileSettings {
  readonly name: string;
  readonly gateway: (typeof GATEWAYS)[number];
  /** Null for the embedded sandbox API. */
  readonly base_url: string | null;
  readonly api_key_file: string | null;
  /** `elsewhere`: the merchant's backend captures. */
  readonly captures: 'here' | 'elsewhere';
  /** Null: what suits the API and the key. */
  readonly max_requests_per_s: number | null;
  /** Payments in hand at a time; null: the default. */
  readonly max_concurrency: number | null;
}

const EMBEDDED: ProfileSettings = {
  name: SANDBOX,
  gateway: 'sandbox',
  base_url: null,
  api_key_file: null,
  captures: 'here',
  max_requests_per_s: null,
  max_concurrency: null,
};

/** The settings of a profile from the first config file that has it. Throws `profile_unknown`, `profile_invalid`. */
export function profileSettings(name: string, dataDirectory: string): ProfileSettings {
  const files = [join(dataDirectory, 'config.json'), '/etc/stowpay/config.json'];
  for (const file of files) {
    const settings = readProfile(file, name);
    if (settings !== null) return settings;
  }
  if (name === SANDBOX) return EMBEDDED;
  throw new StowpayError('profile_unknown', `There is no profile ${JSON.stringify(name.slice(0, 64))}.`, {
    hint: `Describe it under "profiles" in ${files.join(' or ')}, or use --profile sandbox.`,
  });
}

function readProfile(file: string, name: string): ProfileSettings | null {
  const config = readConfig(file);
  const profiles = config?.profiles;
  if (profiles === undefined) return null;
  if (!isObject(profiles)) throw invalid(file, '"profiles" must be an object');
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  return profile === undefined ? null : checkProfile(file, name, profile);
}

function readConfig(file: string): Record<string, unknown> | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw invalid(file, `it cannot be read (${code})`);
  }
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    throw invalid(file, 'it is not JSON');
  }
  if (!isObject(config)) throw invalid(file, 'it must hold one object');
  return config;
}

const KNOWN: ReadonlySet<string> = new Set([
  'gateway',
  'base_url',
  'api_key_file',
  'captures',
  'max_requests_per_s',
  'max_concurrency',
]);

function checkProfile(file: string, name: string, value: unknown): ProfileSettings {
  const at = `profile ${name}`;
  if (!isObject(value)) throw invalid(file, `${at} must be an object`);
  const unknown = Object.keys(value).find((key) => !KNOWN.has(key));
  if (unknown !== undefined) throw invalid(file, `${at} has an unknown setting ${JSON.stringify(unknown)}`);
  const {gateway, captures = 'here', api_key_file = null, base_url = null} = value;
  if (!GATEWAYS.includes(gateway as ProfileSettings['gateway'])) {
    throw invalid(file, `${at}: "gateway" must be one of ${GATEWAYS.join(', ')}`);
  }
  if (captures !== 'here' && captures !== 'elsewhere') {
    throw invalid(file, `${at}: "captures" must be "here" or "elsewhere"`);
  }
  if (api_key_file !== null && typeof api_key_file !== 'string') {
    throw invalid(file, `${at}: "api_key_file" must be the path of a file`);
  }
  const settings = {
    name,
    gateway: gateway as ProfileSettings['gateway'],
    base_url: checkUrl(file, at, gateway as string, base_url),
    api_key_file,
    captures: captures as 'here' | 'elsewhere',
    ...checkPace(file, at, value),
  };
  if (name === SANDBOX && settings.gateway !== 'sandbox') {
    throw invalid(
      file,
      'the profile called sandbox must use the sandbox gateway: its name promises that no money moves',
    );
  }
  return settings;
}

const MOST_CONCURRENCY = 64;

function checkPace(
  file: string,
  at: string,
  {max_requests_per_s: rate = null, max_concurrency: width = null}: Record<string, unknown>,
): Pick<ProfileSettings, 'max_requests_per_s' | 'max_concurrency'> {
  if (rate !== null && !(typeof rate === 'number' && Number.isFinite(rate) && rate > 0)) {
    throw invalid(file, `${at}: "max_requests_per_s" must be a number above 0`);
  }
  const whole = typeof width === 'number' && Number.isInteger(width);
  if (width !== null && !(whole && width >= 1 && width <= MOST_CONCURRENCY)) {
    throw invalid(file, `${at}: "max_concurrency" must be a whole number from 1 to ${MOST_CONCURRENCY}`);
  }
  return {max_requests_per_s: rate as number | null, max_concurrency: width as number | null};
}

function checkUrl(file: string, at: string, gateway: string, value: unknown): string | null {
  if (gateway === 'stripe') {
    if (value !== null) throw invalid(file, `${at}: "base_url" belongs to a stripe-compatible gateway`);
    return STRIPE_URL;
  }
  if (value === null && gateway === 'sandbox') return null;
  if (typeof value !== 'string' || !URL.canParse(value))
    throw invalid(file, `${at}: "base_url" must be a URL`);
  const url = new URL(value);
  const local = isLoopback(url.hostname);
  if (gateway === 'sandbox' && !local) throw invalid(file, `${at}: a sandbox API must be on this machine`);
  if (url.protocol !== 'https:' && !local) throw invalid(file, `${at}: "base_url" must be https`);
  return url.origin;
}

/** Only this machine: 127.0.0.0/8, ::1, localhost. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The API key of a profile, from its file or the service manager's credentials. Throws `profile_invalid`. */
export function readApiKey(settings: ProfileSettings, env: NodeJS.ProcessEnv): string | null {
  const credentials = env.CREDENTIALS_DIRECTORY;
  const path =
    settings.api_key_file ??
    (credentials === undefined ? null : join(credentials, `stowpay-${settings.name}-api-key`));
  if (path === null) return null;
  try {
    const key = readFileSync(path, 'utf8').trim();
    if (key !== '') return key;
  } catch (error) {
    if (settings.api_key_file === null) return null;
    throw invalid(path, `the API key cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  throw invalid(path, 'it is empty; it must hold the API key');
}

/** Stripe takes 100 requests a second in live mode and 25 in test mode; a shop's other devices need some of them. */
const LIVE_PER_S = 80;
const TEST_PER_S = 20;
const SANDBOX_PER_S = 100;
const CONCURRENCY = 8;

/** How hard a process of this profile may press the API. A key that does not say that it is live gets the lower rate. */
export function paceOf(
  settings: ProfileSettings,
  apiKey: string | null,
): {readonly requests_per_s: number; readonly concurrency: number} {
  const real = apiKey !== null && /^[sr]k_live_/.test(apiKey) ? LIVE_PER_S : TEST_PER_S;
  return {
    requests_per_s: settings.max_requests_per_s ?? (settings.gateway === 'sandbox' ? SANDBOX_PER_S : real),
    concurrency: settings.max_concurrency ?? CONCURRENCY,
  };
}

function invalid(file: string, what: string): StowpayError {
  return new StowpayError('profile_invalid', `${file}: ${what}.`, {
    hint: 'Correct the file. Nothing was sold, sent or stored.',
  });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
