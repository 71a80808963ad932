import {expect} from 'chai';
import {type ErrorCode, StowpayError} from '../../../src/lib/core/errors.js';
import type {Reader, ReaderIdentity} from '../../../src/lib/core/ports.js';
import type {Pairing} from '../../../src/lib/core/state.js';
import {withConnected} from '../../../src/lib/terminal/open-reader.js';
import type {Parts} from '../../../src/lib/terminal/parts.js';

const IDENTITY: ReaderIdentity = {
  type: 'idtech_neo2',
  serial_number: 'S1',
  firmware: 'V1',
  encryption_enabled: true,
  key: {state: 'valid', ksn: 'FFFF9876543210E00001'},
  test_key: true,
};
const PAIRING = {address: 'serial:x', identity: IDENTITY} as unknown as Pairing;

/** A device whose reader fails in these ways, one a try, before it is well. */
function device(failures: readonly StowpayError[], at: 'open' | 'identify', waitMs: number) {
  const log: string[] = [];
  const left = [...failures];
  const fail = (): void => {
    const error = left.shift();
    if (error !== undefined) throw error;
  };
  const reader = {
    identify: async () => {
      if (at === 'identify') fail();
      return IDENTITY;
    },
    prepare: async () => new Map(),
    close: async () => void log.push('close'),
  } as unknown as Reader;
  const parts = {
    profile: {sandbox: true},
    journals: {exists: false},
    random: (count: number) => new Uint8Array(count),
    readerWaitMs: waitMs,
    openReader: async () => {
      log.push('open');
      if (at === 'open') fail();
      return reader;
    },
  } as unknown as Parts;
  return {parts, log};
}

async function sell(parts: Parts): Promise<string> {
  const patience = {signal: undefined, onWait: undefined, time: () => null};
  return withConnected(parts, PAIRING, patience, async () => 'sold').catch((error) => error.code);
}

describe('the reader of a sale', () => {
  const broken = (code: ErrorCode, details = {}): StowpayError =>
    new StowpayError(code, 'it failed', {details});

  it('is looked for again where it may come back, from the beginning, and nothing is left open', async () => {
    for (const error of [
      broken('reader_lost'),
      broken('reader_not_found'),
      broken('reader_not_answering'),
      broken('reader_busy'),
      broken('reader_fault', {answers_ping: true}),
    ]) {
      const opening = device([error, error], 'open', 5000);
      expect(await sell(opening.parts), error.code).to.equal('sold');
      expect(opening.log).to.deep.equal(['open', 'open', 'open', 'close']);
      const identifying = device([error], 'identify', 5000);
      expect(await sell(identifying.parts), error.code).to.equal('sold');
      expect(identifying.log).to.deep.equal(['open', 'close', 'open', 'close']);
    }
  });

  it('is not looked for again where waiting mends nothing', async () => {
    for (const code of ['reader_fault', 'reader_tampered', 'reader_ambiguous', 'interrupted'] as const) {
      const {parts, log} = device([broken(code)], 'identify', 5000);
      expect(await sell(parts)).to.equal(code);
      expect(log).to.deep.equal(['open', 'close']);
    }
  });

  it('is looked for no longer than that, and once at least', async () => {
    const forever = Array.from({length: 500}, () => broken('reader_lost'));
    const none = device(forever, 'open', 0);
    expect(await sell(none.parts)).to.equal('reader_lost');
    expect(none.log).to.deep.equal(['open']);
    const some = device(forever, 'open', 30);
    expect(await sell(some.parts)).to.equal('reader_lost');
    expect(some.log.length).to.be.greaterThan(1);
  });
});
