import {spawn} from 'node:child_process';
import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {EMV_DATA, sealCard, VISA} from './sealing.js';

export const KEY = 'sk_test_stowpay_sandbox';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** One raw request, without any client library between. */
export async function ask(
  url: string,
  method: string,
  path: string,
  form: Readonly<Record<string, string | number>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const text = new URLSearchParams(
    Object.entries(form).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
  const answer = await fetch(method === 'GET' && text !== '' ? `${url}${path}?${text}` : `${url}${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${KEY}`,
      'Content-Type': 'application/x-www-form-urlencoded',
      ...headers,
    },
    ...(method === 'GET' ? {} : {body: text}),
  });
  return {status: answer.status, headers: answer.headers, body: await answer.json()};
}

/** The form of a confirm with this card. */
export function confirmForm(pan = VISA, sealed = sealCard(pan)): Record<string, string> {
  const card = 'payment_method_data[card_present]';
  return {
    'payment_method_data[type]': 'card_present',
    [`${card}[ksn]`]: sealed.ksn,
    [`${card}[encryption]`]: sealed.encryption,
    [`${card}[emv_data]`]: EMV_DATA,
    [`${card}[read_method]`]: 'contactless_emv',
    [`${card}[offline][stored_at]`]: '1790000000',
    ...Object.fromEntries(
      Object.entries(sealed.tags).map(([tag, cipher]) => [`${card}[sealed][${tag}]`, cipher]),
    ),
  };
}

export function freshDir(): string {
  return mkdtempSync(join(tmpdir(), 'stowpay-sandbox-api-'));
}

export interface Child {
  readonly url: string;
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<void>;
}

/** A server in another process, on `dir`. Kill it, or mocha's own exit ends it. */
export async function startChild(dir: string): Promise<Child> {
  const script = fileURLToPath(new URL('./server-child.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, dir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once('exit', () => reject(new Error('the sandbox API did not start')));
  });
  return {
    url,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
