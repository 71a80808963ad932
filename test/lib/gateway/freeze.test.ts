import {expect} from 'chai';
import fc from 'fast-check';
import {StowpayError} from '../../../src/lib/core/errors.js';
import type {CreateDraft} from '../../../src/lib/core/ports.js';
import {freezeConfirm, freezeCreate, withSealedData} from '../../../src/lib/gateway/freeze.js';
import {MINIMUM_AMOUNTS} from '../../../src/lib/gateway/minimum-amounts.js';
import {cardRead, EMV_DATA, sealCard, VISA} from '../sandbox/api/sealing.js';

const DRAFT: CreateDraft = {
  local_id: 'pay_1',
  device: 'dev_1',
  amount: 1250,
  currency: 'usd',
  capture_method: 'manual',
  description: null,
  metadata: {},
};
const READER = {serial: 'S1', type: 'idtech_neo2', firmware: 'V1'};

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof StowpayError) return error.code;
    throw error;
  }
  return 'none';
}

const withMetadata = (metadata: Record<string, string>) => codeOf(() => freezeCreate({...DRAFT, metadata}));

describe('gateway: frozen requests', () => {
  it('freezes the create call whole', () => {
    const params = freezeCreate({...DRAFT, description: 'Tea', metadata: {order: 'A'}});
    expect(params).to.deep.equal({
      amount: 1250,
      currency: 'usd',
      capture_method: 'manual',
      allowed_payment_method_types: ['card_present'],
      metadata: {order: 'A', stowpay_id: 'pay_1', stowpay_device: 'dev_1'},
      description: 'Tea',
      expand: ['latest_charge'],
    });
    expect(freezeCreate(DRAFT)).to.not.have.property('description');
    expect(freezeCreate({...DRAFT, device: null}).metadata).to.deep.equal({stowpay_id: 'pay_1'});
  });

  it('freezes the confirm call without a byte of ciphertext', () => {
    const sealed = sealCard(VISA);
    const params = freezeConfirm({card: cardRead(sealed), reader: READER, stored_at: 17});
    expect(params).to.deep.equal({
      payment_method_data: {
        type: 'card_present',
        card_present: {
          ksn: sealed.ksn,
          encryption: 'tdes_dukpt',
          emv_data: EMV_DATA,
          read_method: 'contactless_emv',
          reader: READER,
          offline: {stored_at: 17},
        },
      },
      expand: ['latest_charge'],
    });
    for (const cipher of Object.values(sealed.tags)) expect(JSON.stringify(params)).to.not.include(cipher);
    const online = freezeConfirm({card: cardRead(sealed), reader: READER, stored_at: null});
    expect(JSON.stringify(online)).to.not.include('offline');
  });

  it('merges sealed data only where it belongs', () => {
    const sealed = sealCard(VISA);
    const params = freezeConfirm({card: cardRead(sealed), reader: READER, stored_at: 17});
    const merged = withSealedData(params, sealed);
    expect(merged).to.have.nested.property('payment_method_data.card_present.sealed').deep.equal(sealed.tags);
    expect(params).to.not.have.nested.property('payment_method_data.card_present.sealed');
    expect(withSealedData(params, sealCard(VISA))).to.equal(null);
    expect(withSealedData(params, {...sealed, encryption: 'aes_dukpt'})).to.equal(null);
    expect(withSealedData(params, {...sealed, tags: {}})).to.equal(null);
    expect(withSealedData({}, sealed)).to.equal(null);
  });

  it('refuses metadata the API would refuse or drop', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({length: count}, (_, index) => [`k${index}`, 'v']));
    expect(withMetadata(many(48))).to.equal('none');
    expect(withMetadata(many(49))).to.equal('invalid_metadata');
    expect(withMetadata({['k'.repeat(40)]: 'v'})).to.equal('none');
    expect(withMetadata({['k'.repeat(41)]: 'v'})).to.equal('invalid_metadata');
    expect(withMetadata({k: '😀'.repeat(500)})).to.equal('none');
    expect(withMetadata({k: 'v'.repeat(501)})).to.equal('invalid_metadata');
    for (const key of ['a[b', 'a]', '', 'stowpay_id', 'stowpay_device'])
      expect(withMetadata({[key]: 'v'})).to.equal('invalid_metadata');
    expect(withMetadata({k: ''})).to.equal('invalid_metadata');
    expect(withMetadata({k: '\ud800'})).to.equal('invalid_metadata');
  });

  it('refuses amounts below the documented minimum', () => {
    for (const [currency, least] of Object.entries(MINIMUM_AMOUNTS)) {
      expect(codeOf(() => freezeCreate({...DRAFT, currency, amount: least}))).to.equal('none');
      expect(codeOf(() => freezeCreate({...DRAFT, currency, amount: least - 1}))).to.equal(
        'amount_too_small',
      );
    }
    expect(codeOf(() => freezeCreate({...DRAFT, currency: 'xof', amount: 1}))).to.equal('none');
    for (const amount of [0, -1, 1.5, Number.NaN, Number.MAX_SAFE_INTEGER + 1]) {
      expect(codeOf(() => freezeCreate({...DRAFT, amount}))).to.equal('invalid_amount');
    }
  });

  it('refuses a description over 1000 characters', () => {
    expect(codeOf(() => freezeCreate({...DRAFT, description: 'é'.repeat(1000)}))).to.equal('none');
    expect(codeOf(() => freezeCreate({...DRAFT, description: 'é'.repeat(1001)}))).to.equal('invalid_usage');
  });

  it('survives the journal: what is frozen is plain JSON', () => {
    const metadata = fc.dictionary(fc.stringMatching(/^[a-z_]{1,40}$/), fc.stringMatching(/^.{1,50}$/));
    fc.assert(
      fc.property(metadata, fc.integer({min: 50, max: 99_999_999}), (given, amount) => {
        const draft = {...DRAFT, amount, metadata: given};
        if (codeOf(() => freezeCreate(draft)) !== 'none') return;
        const params = freezeCreate(draft);
        expect(JSON.parse(JSON.stringify(params))).to.deep.equal(params);
      }),
    );
  });
});
