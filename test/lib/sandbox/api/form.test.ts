import {expect} from 'chai';
import fc from 'fast-check';
import {elementAt, parseElements} from '../../../../src/lib/sandbox/api/emv.js';
import {type Form, parseForm} from '../../../../src/lib/sandbox/api/form.js';

const plain = (form: Form): unknown => JSON.parse(JSON.stringify(form));

function formOf(text: string): unknown {
  const result = parseForm(text);
  return result.kind === 'form' ? plain(result.form) : result.kind;
}

describe('sandbox API: bracketed forms', () => {
  it('nests names and lists', () => {
    expect(formOf('')).to.deep.equal({});
    expect(formOf('a=1&b[c][d]=2&e[]=x&e[]=y&f[0]=p&f[1]=q&g=')).to.deep.equal({
      a: '1',
      b: {c: {d: '2'}},
      e: {0: 'x', 1: 'y'},
      f: {0: 'p', 1: 'q'},
      g: '',
    });
    expect(formOf('a%5Bb%5D=c+d%20%26')).to.deep.equal({a: {b: 'c d &'}});
    expect(formOf('__proto__[x]=1&constructor=2')).to.deep.equal(
      JSON.parse('{"__proto__":{"x":"1"},"constructor":"2"}'),
    );
  });

  it('says so when it cannot', () => {
    for (const text of [
      'a=1&a[b]=2',
      'a[b]=1&a=2',
      'a[b=1',
      '[a]=1',
      'a]b=1',
      'a=%zz',
      `a${'[x]'.repeat(9)}=1`,
    ]) {
      expect(formOf(text), text).to.equal('malformed');
    }
  });

  it('never throws, and gives back what was encoded', () => {
    fc.assert(fc.property(fc.string(), (text) => ['form', 'malformed'].includes(parseForm(text).kind)));
    const name = fc.stringMatching(/^[a-z_]{1,8}$/);
    const value = fc.string({unit: 'grapheme', maxLength: 20}).filter((text) => !/\p{Surrogate}/u.test(text));
    fc.assert(
      fc.property(fc.dictionary(name, fc.dictionary(name, value, {minKeys: 1})), (given) => {
        const text = Object.entries(given).flatMap(([outer, inner]) =>
          Object.entries(inner).map(([key, text]) => `${outer}%5B${key}%5D=${encodeURIComponent(text)}`),
        );
        expect(formOf(text.join('&'))).to.deep.equal(plain(given));
      }),
    );
  });
});

describe('sandbox API: flat TLV', () => {
  it('never throws, and never reads beyond the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 40}), (bytes) => {
        const found = elementAt(Buffer.from(bytes), 0);
        if (found !== null) expect(found.end).to.be.at.most(bytes.length);
        parseElements(Buffer.from(bytes));
      }),
    );
    expect(parseElements(Buffer.from('9F2601AA5A00', 'hex'))?.map(({tag}) => tag)).to.deep.equal([
      '9F26',
      '5A',
    ]);
    expect(parseElements(Buffer.from('81810201', 'hex'))).to.equal(null);
    expect(parseElements(Buffer.from('81810101', 'hex'))?.[0]?.value.toString('hex')).to.equal('01');
    for (const bad of ['5A', '5A80', '5A0101FF', '9F', '5A83000001', '5AFF']) {
      expect(parseElements(Buffer.from(bad, 'hex')), bad).to.equal(null);
    }
  });
});
