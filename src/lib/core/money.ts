import {createRequire} from 'node:module';
import {StowpayError} from './errors.js';

/** One currency as stowpay counts it. */
export interface Currency {
  /** Lowercase ISO 4217. */
  readonly code: string;
  /** ISO 4217 numeric, three digits. */
  readonly numeric: string;
  /** Decimals of `amount` everywhere in stowpay and in the API (Stripe's count). */
  readonly decimals: number;
  /** Decimals the card's cryptogram counts in (ISO 4217). Differs from `decimals` for three currencies. */
  readonly cardDecimals: number;
}

/** ISO 4217 entries nobody can pay with: metals, units of account, test codes, funds. */
const NOT_MONEY = new Set(
  'BOV CHE CHW CLF COU MXV USN UYI UYW XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX'.split(' '),
);

/**
 * Where Stripe's smallest unit is not ISO's: MGA is counted whole, ISK and UGX with two decimals.
 * Source: Stripe's documentation of currencies, zero-decimal and special cases.
 */
const STRIPE_DECIMALS: Readonly<Record<string, number>> = {mga: 0, isk: 2, ugx: 2};

interface IsoEntry {
  readonly code: string;
  readonly number: string;
  readonly digits: number;
}

let table: ReadonlyMap<string, Currency> | undefined;

function currencies(): ReadonlyMap<string, Currency> {
  if (table === undefined) {
    const iso = createRequire(import.meta.url)('currency-codes/data') as readonly IsoEntry[];
    table = new Map(
      iso
        .filter((entry) => !NOT_MONEY.has(entry.code))
        .map((entry) => {
          const code = entry.code.toLowerCase();
          const decimals = STRIPE_DECIMALS[code] ?? entry.digits;
          return [code, {code, numeric: entry.number.padStart(3, '0'), decimals, cardDecimals: entry.digits}];
        }),
    );
  }
  return table;
}

/** The currency of an ISO 4217 code in any case. Throws `invalid_currency` when there is no such money. */
export function currencyOf(code: string): Currency {
  const currency = currencies().get(code.toLowerCase());
  if (currency === undefined) {
    throw new StowpayError(
      'invalid_currency',
      `${JSON.stringify(code.slice(0, 16))} is not an ISO 4217 currency.`,
      {
        hint: 'Use the three letters of a currency, for example usd, eur or jpy.',
      },
    );
  }
  return currency;
}

/** Every currency code one can pay with, lowercase. */
export function currencyCodes(): readonly string[] {
  return [...currencies().keys()];
}

/** Twelve digits fit into the card's amount field (tag 9F02, n12). */
const LARGEST_AMOUNT = 999_999_999_999;

/**
 * The amount in minor units of a decimal as a person writes it (`12.50`). No float is involved.
 * Throws `invalid_amount` for more decimals than the currency has, signs, exponents, separators, zero.
 */
export function parseAmount(text: string, currency: Currency): number {
  const match = /^(\d{1,15})(?:\.(\d+))?$/.exec(text);
  if (match === null) {
    throw invalidAmount(text, `write it as a plain decimal, for example ${exampleOf(currency)}`);
  }
  const [, whole = '', fraction = ''] = match;
  if (fraction.length > currency.decimals) {
    const has = currency.decimals === 0 ? 'has no decimals' : `has ${currency.decimals} decimals`;
    throw invalidAmount(text, `${currency.code} ${has}; write for example ${exampleOf(currency)}`);
  }
  return checkedAmount(Number(whole + fraction.padEnd(currency.decimals, '0')), currency, text);
}

/** Checks an amount given in minor units (`--minor`). Throws `invalid_amount`. */
export function parseMinorAmount(text: string, currency: Currency): number {
  if (!/^\d{1,15}$/.test(text)) throw invalidAmount(text, 'minor units are a whole number, for example 1250');
  return checkedAmount(Number(text), currency, text);
}

function checkedAmount(amount: number, currency: Currency, text: string): number {
  if (amount === 0) throw invalidAmount(text, 'it must be more than zero');
  const toCard = 10 ** (currency.cardDecimals - currency.decimals);
  if (amount > LARGEST_AMOUNT || amount * toCard > LARGEST_AMOUNT) {
    throw invalidAmount(text, 'no card can carry so large an amount');
  }
  if (!Number.isInteger(amount * toCard)) {
    throw invalidAmount(text, `${currency.code} is paid in whole units only`);
  }
  if (currency.decimals === 3 && amount % 10 !== 0) {
    throw invalidAmount(
      text,
      `the last of the three decimals of ${currency.code} must be 0 for card payments`,
    );
  }
  return amount;
}

function exampleOf(currency: Currency): string {
  return currency.decimals === 0 ? '1250' : `12.${'5'.padEnd(currency.decimals, '0')}`;
}

function invalidAmount(text: string, why: string): StowpayError {
  return new StowpayError(
    'invalid_amount',
    `${JSON.stringify(text.slice(0, 32))} is not a usable amount: ${why}.`,
    {
      hint: 'Nothing was charged and nothing was stored. Correct the amount and run the command again.',
    },
  );
}

/** `1250, usd` → `12.50 usd`: the inverse of `parseAmount`, for people. */
export function formatAmount(amount: number, code: string): string {
  const decimals = currencies().get(code)?.decimals ?? 2;
  const digits = Math.abs(amount)
    .toString()
    .padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const text = decimals === 0 ? whole : `${whole}.${digits.slice(-decimals)}`;
  return `${amount < 0 ? '-' : ''}${text} ${code}`;
}

/** The amount as the card's cryptogram counts it (ISO 4217 minor units). */
export function toCardAmount(amount: number, currency: Currency): number {
  return amount * 10 ** (currency.cardDecimals - currency.decimals);
}
