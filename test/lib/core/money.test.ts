import {expect} from 'chai';
import fc from 'fast-check';
import {StowpayError} from '../../../src/lib/core/errors.js';
import {
  currencyCodes,
  currencyOf,
  formatAmount,
  parseAmount,
  parseMinorAmount,
  toCardAmount,
} from '../../../src/lib/core/money.js';

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof StowpayError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('money', () => {
  it('reads what it writes, in every currency, beyond 32 bits', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...currencyCodes()),
        fc.integer({min: 1, max: 9_999_999_999}),
        (code, units) => {
          const currency = currencyOf(code);
          const step =
            currency.decimals === 3 ? 10 : 10 ** Math.max(0, currency.decimals - currency.cardDecimals);
          const amount = units * step;
          const [text = ''] = formatAmount(amount, code).split(' ');
          expect(parseAmount(text, currency)).to.equal(amount);
          expect(parseMinorAmount(String(amount), currency)).to.equal(amount);
          expect(Number.isSafeInteger(toCardAmount(amount, currency))).to.equal(true);
        },
      ),
    );
  });

  it('counts decimals as Stripe does, and tells the card its own', () => {
    expect(parseAmount('12.50', currencyOf('usd'))).to.equal(1250);
    expect(parseAmount('12.5', currencyOf('USD'))).to.equal(1250);
    expect(parseAmount('1500', currencyOf('jpy'))).to.equal(1500);
    expect(parseAmount('1.230', currencyOf('kwd'))).to.equal(1230);
    expect(parseAmount('5', currencyOf('isk'))).to.equal(500);
    expect(toCardAmount(500, currencyOf('isk'))).to.equal(5);
    expect(currencyOf('usd').numeric).to.equal('840');
    expect(currencyOf('aud').numeric).to.equal('036');
  });

  for (const [text, code] of [
    ['12.505', 'usd'],
    ['1.5', 'jpy'],
    ['abc', 'usd'],
    ['', 'usd'],
    ['-5', 'usd'],
    ['+5', 'usd'],
    ['0', 'usd'],
    ['0.00', 'usd'],
    ['1e3', 'usd'],
    ['1,000.00', 'usd'],
    ['12.', 'usd'],
    ['.50', 'usd'],
    [' 12.50', 'usd'],
    ['١٢', 'usd'],
    ['10000000000.00', 'usd'],
    ['1.235', 'kwd'],
    ['1.50', 'isk'],
  ] as const) {
    it(`refuses ${JSON.stringify(text)} ${code}`, () => {
      expect(codeOf(() => parseAmount(text, currencyOf(code)))).to.equal('invalid_amount');
    });
  }

  it('refuses what is no money', () => {
    for (const code of ['zzz', 'xau', 'xxx', 'xts', '', 'us', '840']) {
      expect(
        codeOf(() => currencyOf(code)),
        code,
      ).to.equal('invalid_currency');
    }
  });
});
