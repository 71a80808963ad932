import {readdirSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {openTill, type Till} from '../../support/till.js';

/** Every file of the data directory but the emulated world's, which plays the bank. */
function files(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (name === 'sandbox') return [];
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

/** The private parts that stand in the segments, as they stand there. */
function sealedIn(till: Till): string[] {
  return files(till.directory)
    .filter((path) => path.endsWith('.jsonl'))
    .flatMap((path) => [...readFileSync(path, 'latin1').matchAll(/"private":"([A-Za-z0-9+/=]+)"/g)])
    .map(([, base64 = '']) => base64);
}

/** Pieces long enough to be nothing else, short enough to find a part of it anywhere. */
function pieces(base64: string): string[] {
  const found: string[] = [];
  for (let start = 48; start + 24 <= base64.length; start += 24) found.push(base64.slice(start, start + 24));
  return found;
}

function holders(till: Till, needles: readonly string[]): string[] {
  return files(till.directory).filter((path) => {
    const text = readFileSync(path, 'latin1');
    return needles.some((needle) => text.includes(needle));
  });
}

describe('sealed card data', () => {
  it('is gone from every file once its payment closed, stays for those that are open, and the chain verifies', async () => {
    const till = await openTill();
    till.network.set(false);
    for (let n = 0; n < 6; n += 1) await till.collect({reference: `sale-${n}`});
    const sealed = sealedIn(till);
    expect(sealed).to.have.length(6);
    // Only what is of one payment alone: the rest is the same for all.
    const own = (one: string): string[] =>
      pieces(one).filter((piece) => sealed.filter((other) => other.includes(piece)).length === 1);
    const needles = sealed.flatMap(own);
    expect(needles.length).to.be.greaterThan(40);
    const ciphertext = sealed.flatMap((one) => {
      const {sealed: card} = JSON.parse(Buffer.from(one, 'base64').toString('utf8')) as {
        sealed: {tags: Record<string, string>};
      };
      return Object.values(card.tags).filter((value) => value.length >= 32);
    });
    expect(ciphertext.length).to.be.greaterThan(5);
    expect(holders(till, needles), 'the test finds what is there').to.have.length(1);

    till.network.set(true);
    const some = await till.run((terminal) => terminal.forward({names: [], limit: 4, dryRun: false}));
    expect(some.payments.length).to.equal(4);
    const open = sealedIn(till);
    expect(open, 'two wait').to.have.length(2);
    expect(holders(till, sealed.filter((one) => !open.includes(one)).flatMap(own))).to.deep.equal([]);

    await till.forward();
    await till.run((terminal) => terminal.capture({names: [], all: true, amount: null, dryRun: false}));
    expect(sealedIn(till)).to.deep.equal([]);
    expect(holders(till, [...needles, ...ciphertext])).to.deep.equal([]);
    const check = await till.run((terminal) => terminal.checkSafeToWipe(false));
    expect(check.error).to.equal(null);
    expect(check.status.journal.ok).to.equal(true);
    await till.close();
  });
});
