import {readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import {ClosedIndex, type ClosedPayment} from '../../../src/lib/journal/closed-index.js';
import {BrokenTable} from '../../../src/lib/journal/table.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {temporaryDirectory} from '../../support/directories.js';

const KEY = Buffer.alloc(32, 7);

function emptyIndex(): {directory: string; index: ClosedIndex} {
  const directory = join(temporaryDirectory(), 'index');
  return {directory, index: new ClosedIndex(disk, directory, KEY, [])};
}

function payment(n: number, overrides: Partial<ClosedPayment> = {}): ClosedPayment {
  return {
    local_id: `pay_${String(n).padStart(26, '0')}`,
    seq: n * 5 + 1,
    id: `pi_${n}`,
    reference: `acct order-${n}`,
    places: [
      [1, n * 100],
      [1, n * 100 + 50],
    ],
    ...overrides,
  };
}

function range(from: number, to: number): ClosedPayment[] {
  return Array.from({length: to - from}, (_, n) => payment(from + n));
}

describe('the index of closed payments', () => {
  it('answers by local id, PaymentIntent, reference and beginning, over many tables and merges', () => {
    let {index} = emptyIndex();
    for (let batch = 0; batch < 70; batch += 1)
      index = index.with(batch + 1, range(batch * 30, batch * 30 + 30));
    expect(index.tables.length, 'tables are merged').to.be.lessThan(20);
    for (let n = 0; n < 2100; n += 7) {
      const one = payment(n);
      expect(index.places(one.local_id)).to.deep.equal(one.places);
      expect(index.named(one.id ?? '', 5)).to.deep.equal([one.local_id]);
      expect(index.named(one.local_id, 5)).to.deep.equal([one.local_id]);
      expect(index.reference(one.reference ?? '')).to.deep.equal({payment: one.local_id, seq: one.seq});
    }
    expect(index.places('pay_9')).to.deep.equal([]);
    expect(index.reference('acct order-2100')).to.equal(undefined);
    expect(index.named('pi_2100', 5)).to.deep.equal([]);
    expect(index.named('pay_0000000000000000000000100', 50)).to.have.length(10);
    expect([...index.newest()]).to.deep.equal(
      range(0, 2100)
        .map(({local_id}) => local_id)
        .reverse(),
    );
    index.close();
  });

  it('does not take a reference for a longer one that begins like it', () => {
    let {index} = emptyIndex();
    index = index.with(1, [payment(1, {reference: 'acct order-1'})]);
    index = index.with(2, [
      payment(2, {reference: 'acct order-10'}),
      payment(3, {reference: 'acct order-11'}),
    ]);
    index = index.with(3, [
      payment(4, {reference: 'acct order-12'}),
      payment(5, {reference: 'acct order-13'}),
    ]);
    expect(index.reference('acct order-1')?.payment).to.equal(payment(1).local_id);
    expect(index.reference('acct order-')).to.equal(undefined);
    expect(index.reference('acct order-2')).to.equal(undefined);
    index.close();
  });

  it('takes quotes and backslashes in references as they are', () => {
    let {index} = emptyIndex();
    const odd = Array.from({length: 200}, (_, n) => payment(n, {reference: `a "\\${n}\\"`, id: null}));
    index = index.with(1, odd);
    for (const one of odd) expect(index.reference(one.reference ?? '')?.payment).to.equal(one.local_id);
    expect(index.reference('a "\\200\\"')).to.equal(undefined);
    index.close();
  });

  it('keeps every place of a payment with a long story, and names that are long or not ASCII', () => {
    const places = Array.from({length: 2345}, (_, n) => [Math.floor(n / 9) + 1, n * 1234] as const);
    const odd = payment(1, {places, id: `pi_${'é'.repeat(3000)}`, reference: `acct ${'x'.repeat(3000)}`});
    const index = emptyIndex().index.with(1, [odd, payment(2)]);
    expect(index.places(odd.local_id)).to.deep.equal(places);
    expect(index.named(odd.id ?? '', 2)).to.deep.equal([odd.local_id]);
    expect(index.reference(odd.reference ?? '')?.payment).to.equal(odd.local_id);
    index.close();
  });

  it('agrees with a plain list whatever is added and asked', () => {
    const word = fc.stringMatching(/^[a-c]{1,4}$/);
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(word, {maxLength: 12}), {maxLength: 12}),
        word,
        (batches, asked) => {
          let {index} = emptyIndex();
          const model = new Map<string, ClosedPayment>();
          let seq = 0;
          batches.forEach((words, batch) => {
            const fresh = words.filter((one) => !model.has(one));
            const first = seq;
            const closed = fresh.map((one, n) =>
              payment(first + n, {local_id: `pay_${one}`, reference: `a ${one}`}),
            );
            seq += fresh.length;
            closed.forEach((one, n) => {
              model.set(fresh[n] ?? '', one);
            });
            index = index.with(batch + 1, closed);
          });
          expect(index.reference(`a ${asked}`)?.seq).to.equal(model.get(asked)?.seq);
          expect(index.places(`pay_${asked}`)).to.deep.equal(model.get(asked)?.places ?? []);
          const beginning = [...model.keys()]
            .filter((one) => one.startsWith(asked))
            .map((one) => `pay_${one}`);
          expect([...index.named(`pay_${asked}`, 999)].sort()).to.deep.equal(beginning.sort());
          const newest = [...model.values()].sort((a, b) => b.seq - a.seq).map(({local_id}) => local_id);
          expect([...index.newest()]).to.deep.equal(newest);
          index.close();
        },
      ),
      {numRuns: 60},
    );
  });

  it('never gives a wrong answer over altered bytes: the right one, or it says that it is broken', () => {
    const {directory, index} = emptyIndex();
    const whole = index.with(1, range(0, 400));
    const path = join(directory, whole.tables[0]?.name ?? '');
    const bytes = readFileSync(path);
    let broken = 0;
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({min: 1, max: 255}), fc.nat(410), (at, flip, n) => {
        const altered = Buffer.from(bytes);
        altered[at] = (altered[at] ?? 0) ^ flip;
        writeFileSync(path, altered);
        const opened = new ClosedIndex(disk, directory, KEY, whole.tables);
        const one = payment(n);
        try {
          const right = n < 400 ? {payment: one.local_id, seq: one.seq} : undefined;
          expect(opened.reference(one.reference ?? '')).to.deep.equal(right);
          expect(opened.places(one.local_id)).to.deep.equal(n < 400 ? one.places : []);
        } catch (error) {
          if (!(error instanceof BrokenTable)) throw error;
          broken += 1;
        } finally {
          opened.close();
        }
      }),
      {numRuns: 3000},
    );
    expect(broken, 'alterations were met').to.be.greaterThan(5);
    whole.close();
  });

  it('is broken, not empty, when pages are swapped, a table is cut, missing, or another one', () => {
    const {directory, index} = emptyIndex();
    const whole = index.with(1, range(0, 400)).with(2, range(400, 800));
    const [first = '', second = ''] = whole.tables.map(({name}) => join(directory, name));
    const bytes = readFileSync(first);
    const asked = (): unknown => {
      const opened = new ClosedIndex(disk, directory, KEY, whole.tables);
      try {
        return Array.from({length: 400}, (_, n) => opened.reference(`acct order-${n}`)?.seq);
      } finally {
        opened.close();
      }
    };
    const pages = Array.from({length: bytes.length / 4096}, (_, n) =>
      bytes.subarray(n * 4096, n * 4096 + 4096),
    );
    const swapped = Buffer.concat(pages.reverse());
    for (const wrong of [swapped, bytes.subarray(0, 8192), Buffer.alloc(0), readFileSync(second)]) {
      writeFileSync(first, wrong);
      expect(asked, `${wrong.length} bytes`).to.throw(BrokenTable);
    }
    rmSync(first);
    expect(asked).to.throw(BrokenTable);
    whole.close();
  });

  it('removes tables that nobody names any more, and only those', () => {
    const {directory, index} = emptyIndex();
    let grown = index;
    for (let batch = 0; batch < 9; batch += 1) grown = grown.with(batch + 1, range(batch * 5, batch * 5 + 5));
    grown.removeOthers();
    expect(readdirSync(directory).sort()).to.deep.equal(grown.tables.map(({name}) => name).sort());
    expect(grown.reference('acct order-0')?.seq).to.equal(1);
    grown.close();
  });
});
