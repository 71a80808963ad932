import {expect} from 'chai';
import fc from 'fast-check';
import {StowpayError} from '../../../../src/lib/core/errors.js';
import {refuseAnswer, refuseCard, refuseOffline} from '../../../../src/lib/core/rules.js';
import {decodeAnswer} from '../../../../src/lib/reader/decode/answer.js';
import {meaningOf, type Said} from '../../../../src/lib/reader/decode/meaning.js';
import {READER} from '../../../support/events.js';

/** Everything the table goes by. */
interface Case {
  readonly status: number;
  readonly error: number | null;
  /** Hex of DFEE25. */
  readonly outcome: string | null;
  /** Cryptogram information bytes, hex. */
  readonly cryptograms: readonly string[];
  readonly entry: string | null;
  readonly source: keyof typeof SOURCES;
  readonly quickChip: boolean;
  readonly account: 'sealed' | 'clear' | 'none' | 'no_key_number';
  readonly verification: string | null;
  readonly expired: boolean;
  readonly amount: 'asked' | 'other' | 'none';
  readonly interac: boolean;
  readonly complete: boolean;
  readonly seenBefore: boolean;
}

const SOURCES = {contact: 0x00, contactless: 0x01, msd: 0x11, swipe: 0x08, unnamed: 0x10} as const;
const CIPHER = '855A31E91D0641D4C0C681A30FD97A86';
const KSN = 'FFFF9876543210E00001';
const ASKED = 1250;

const GOOD: Case = {
  status: 0x23,
  error: null,
  outcome: null,
  cryptograms: ['80'],
  entry: '07',
  source: 'contactless',
  quickChip: false,
  account: 'sealed',
  verification: '1F0302',
  expired: false,
  amount: 'asked',
  interac: false,
  complete: true,
  seenBefore: false,
};

const DIMENSIONS: {readonly [K in keyof Case]: readonly Case[K][]} = {
  status: [0x00, 0x23, 0x0a, 0x08, 0x05, 0x0b, 0x0e, 0x1d, 0x60, 0x61, 0x63, 0x80, 0x81, 0x90, 0x91, 0x77],
  error: [null, 0x02, 0x06, 0x20, 0x21, 0x23, 0x26, 0x30, 0x42, 0x43, 0x52, 0x57, 0x73, 0xee],
  outcome: [null, '0000', '0001', '0002', '0003', '0004', '0010', '0011', '0203', '04'],
  cryptograms: [['80'], ['40'], ['00'], ['C0'], [], ['80', '40'], ['80', '00'], ['A0']],
  entry: [null, '05', '07', '90', '91', '80', '02', '95', '00'],
  source: ['contact', 'contactless', 'msd', 'swipe', 'unnamed'],
  quickChip: [false, true],
  account: ['sealed', 'clear', 'none', 'no_key_number'],
  verification: [null, '1F0302', '420300', '010301', '5E0300', '010002', '3F0001'],
  expired: [false, true],
  amount: ['asked', 'other', 'none'],
  interac: [false, true],
  complete: [true, false],
  seenBefore: [false, true],
};

/** A good answer with some things changed, so that every rule is met alone and together with a few others. */
const anyCase: fc.Arbitrary<Case> = fc
  .tuple(
    fc.subarray(Object.keys(DIMENSIONS) as (keyof Case)[], {maxLength: 5}),
    fc.array(fc.nat(1000), {minLength: 5}),
  )
  .map(([names, picks]) => {
    const changed = names.map((name, index) => {
      const values = DIMENSIONS[name];
      return [name, values[(picks[index] ?? 0) % values.length]];
    });
    return {...GOOD, ...Object.fromEntries(changed)};
  });

function answerOf(it: Case): Buffer {
  const tlv = (tag: string, value: string): string =>
    `${tag}${(value.length / 2).toString(16).padStart(2, '0')}${value}`;
  const accounts: Readonly<Record<Case['account'], string>> = {
    sealed: `${tlv('DFEE12', KSN)}5AA1084242CCCCCCCC42425AC110${CIPHER}`,
    clear: `${tlv('DFEE12', KSN)}5A084242424242424242`,
    none: tlv('DFEE12', KSN),
    no_key_number: `5AA1084242CCCCCCCC42425AC110${CIPHER}`,
  };
  const parts = [
    it.outcome === null ? '' : tlv('DFEE25', it.outcome),
    it.error === null ? '' : tlv('FFEE1F', Buffer.from([it.error, 0, 0, 0]).toString('hex')),
    accounts[it.account],
    tlv('84', it.interac ? 'A0000002771010' : 'A0000000031010'),
    tlv('5F24', it.expired ? '201231' : '341231'),
    it.amount === 'none' ? '' : tlv('9F02', it.amount === 'asked' ? '000000001250' : '000000001251'),
    ...it.cryptograms.map((value) => tlv('9F27', value)),
    it.cryptograms.length === 0 ? '' : tlv('9F26', 'E120C07356EA3DD8'),
    it.complete ? `${tlv('9F36', '0001')}${tlv('9F37', '01020304')}` : tlv('9F37', '01020304'),
    it.verification === null ? '' : tlv('9F34', it.verification),
    it.entry === null ? '' : tlv('9F39', it.entry),
    it.quickChip ? tlv('8A', '5A33') : '',
  ];
  return Buffer.concat([Buffer.from([0xe0 | SOURCES[it.source]]), Buffer.from(parts.join(''), 'hex')]);
}

const QUESTION = {
  amount: ASKED,
  currency: 'usd',
  livemode: false,
  country: 'US',
  reader: READER,
  time: {ms: Date.parse('2026-11-23T10:00:00Z'), uncertain: false},
};

/** What becomes of it without network: the refusal's code, or that it is taken. */
function judged(it: Case): string {
  try {
    const answer = decodeAnswer({status: it.status, data: answerOf(it)});
    const ksn = it.seenBefore ? new Map([[`${READER.serial} FFFF9876543210E00000`, 1]]) : new Map();
    const refusal =
      answer.kind === 'card' ? refuseOffline(answer.card, {...QUESTION, ksn}) : refuseAnswer(answer);
    return refusal?.code ?? 'taken';
  } catch (error) {
    if (error instanceof StowpayError) return error.code;
    throw error;
  }
}

const READER_FAULTS: Readonly<Record<number, string>> = {
  29: 'reader_tampered',
  144: 'reader_key_missing',
  145: 'reader_key_exhausted',
};
const ERROR_CODES: Readonly<Record<number, string>> = {
  6: 'card_swipe_not_available',
  38: 'offline_and_card_expired',
};

/** The contract once more, in its own words and order: sealed, the card, the way it was read, its date, the amount. */
function restated(it: Case): string {
  const fault = READER_FAULTS[it.status];
  if (fault !== undefined) return fault;
  if (it.account === 'clear') return 'reader_not_encrypting';

  const kinds = new Set(it.cryptograms.map((value) => Number.parseInt(value, 16) >> 6));
  if (kinds.has(0) || it.error === 0x42 || it.outcome === '0001') return 'offline_transaction_declined';
  if (it.error === 0x43) return 'reader_fault';

  const stripe =
    it.source === 'swipe' || it.source === 'msd' || ['90', '91', '80', '02'].includes(it.entry ?? '');
  if (stripe) {
    const broken = it.account === 'no_key_number' && it.error === null && [0x00, 0x23].includes(it.status);
    return broken ? 'reader_fault' : 'card_swipe_not_available';
  }
  if (it.status === 0x08) return 'no_card_presented';
  if ([0x05, 0x0b].includes(it.status)) return 'reader_fault';
  if (it.error !== null && it.error !== 0x23) return ERROR_CODES[it.error] ?? 'card_unusable';

  const cryptogram =
    kinds.size === 1 ? ({1: 'tc', 2: 'arqc'} as Record<number, string>)[[...kinds][0] ?? 3] : undefined;
  const byStatus = it.status === 0x00 || it.status === 0x23;
  const saysSo = it.outcome === '0000' || it.outcome === '0004';
  const quickChip =
    it.quickChip && cryptogram === 'arqc' && ['0002', '0003', '0203'].includes(it.outcome ?? '');
  const good = byStatus
    ? it.outcome === null || saysSo || quickChip
    : it.status === 0x0a && (saysSo || (it.error === 0x23 && it.outcome === null));
  if (!good) return !byStatus && it.error === 0x23 ? 'missing_emv_data' : 'card_unusable';
  if (it.account === 'no_key_number') return 'reader_fault';
  const wayUnknown =
    it.entry === '95' || ((it.entry === null || it.entry === '00') && it.source === 'unnamed');
  if (it.account === 'none' || wayUnknown) return 'missing_emv_data';

  if (it.interac) return 'interac_not_supported_offline';
  if (cryptogram === undefined || !it.complete) return 'missing_emv_data';
  if (it.verification === '420300') return 'online_pin_not_supported_offline';
  if (it.verification === '010301' || it.verification === '3F0001') return 'card_unusable';
  if (it.expired) return 'offline_and_card_expired';
  if (it.amount !== 'asked') return it.amount === 'none' ? 'missing_emv_data' : 'amount_mismatch';
  return it.seenBefore ? 'ksn_replayed' : 'taken';
}

describe('the judgement of an answer', () => {
  it('is the table’s, whatever comes together', () => {
    fc.assert(
      fc.property(anyCase, (it) => {
        expect(judged(it)).to.equal(restated(it));
      }),
      {numRuns: 1200},
    );
  });

  it('is the table’s for every single thing that can be wrong with a good answer, and every two', () => {
    expect(judged(GOOD)).to.equal('taken');
    const names = Object.keys(DIMENSIONS) as (keyof Case)[];
    for (const first of names) {
      for (const value of DIMENSIONS[first]) {
        const one = {...GOOD, [first]: value};
        for (const second of names.slice(names.indexOf(first))) {
          for (const other of DIMENSIONS[second]) {
            const two = {...one, [second]: other};
            expect(judged(two), JSON.stringify(two)).to.equal(restated(two));
          }
        }
      }
    }
  });

  it('lets nothing but a TC or an ARQC of a chip be taken, for any status, error and outcome there is', () => {
    const said: Omit<Said, 'status' | 'error'> = {
      outcome: null,
      cryptogram: null,
      stripe: false,
      quickChip: false,
    };
    const outcomes = [null, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0x11, 0x203, 0xffff];
    const all = Array.from({length: 256}, (_, code) => code);
    const errors = [null, 0x02, 0x21, 0x23, 0x42, 0x43, 0xff];
    const everyPair = [
      ...all.flatMap((status) => errors.map((error) => [status, error] as const)),
      ...[0x00, 0x0a, 0x23, 0x08, 0x80].flatMap((status) => all.map((error) => [status, error] as const)),
    ];
    for (const [status, error] of everyPair) {
      for (const outcome of outcomes) {
        const {kind} = meaningOf({...said, status, error, outcome, cryptogram: 'arqc'});
        const byStatus = [0x00, 0x23].includes(status) && [null, 0, 4].includes(outcome);
        const byOutcome = status === 0x0a && [0, 4].includes(outcome ?? -2);
        const byError = status === 0x0a && error === 0x23 && outcome === null;
        const named = [null, 0x23].includes(error) && (byStatus || byOutcome || byError);
        if ((kind === 'card') !== named)
          expect.fail(`status ${status}, error ${error}, outcome ${outcome}: ${kind}`);
      }
    }
  });

  it('names brand and last four with every refusal of a card, and says what to do', () => {
    fc.assert(
      fc.property(anyCase, (it) => {
        const answer = (() => {
          try {
            return decodeAnswer({status: it.status, data: answerOf(it)});
          } catch {
            return null;
          }
        })();
        if (answer === null || answer.kind === 'no_card') return;
        const refusal =
          answer.kind === 'card'
            ? refuseOffline(answer.card, {...QUESTION, ksn: new Map()})
            : refuseAnswer(answer);
        if (refusal === null) return;
        expect(refusal.details).to.have.property('brand', it.interac ? 'interac' : 'visa');
        expect(refusal.details).to.have.property('last4', it.account === 'none' ? null : '4242');
        expect(refusal.hint).to.match(/\w.*\.$/);
        expect(JSON.stringify(refusal)).not.to.match(/4242424242/);
      }),
      {numRuns: 500},
    );
  });

  it('takes online what only the issuer can judge, and nothing that lacks what the issuer judges by', () => {
    const online = (change: Partial<Case>): string => {
      const answer = decodeAnswer({status: 0x23, data: answerOf({...GOOD, ...change})});
      const refusal =
        answer.kind === 'card'
          ? refuseCard(answer.card, {...QUESTION, ksn: new Map()})
          : refuseAnswer(answer);
      return refusal?.code ?? 'taken';
    };
    expect(online({})).to.equal('taken');
    expect(online({expired: true})).to.equal('taken');
    expect(online({verification: '420300'})).to.equal('taken');
    expect(online({verification: '010301'})).to.equal('taken');
    expect(online({cryptograms: []})).to.equal('missing_emv_data');
    expect(online({complete: false})).to.equal('missing_emv_data');
    expect(online({cryptograms: ['00']})).to.equal('offline_transaction_declined');
    expect(online({amount: 'other'})).to.equal('amount_mismatch');
    expect(online({account: 'clear'})).to.equal('reader_not_encrypting');
  });
});
