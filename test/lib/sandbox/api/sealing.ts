import type {CardRead, SealedCardData} from '../../../../src/lib/core/card.js';
import {dataRequestKey, encryptTag, TEST_BDK} from '../../../../src/lib/sandbox/dukpt.js';

export const VISA = '4242424242424242';

let counter = 0;

/** A KSN no other call of this process got. */
export function nextKsn(): string {
  counter += 1;
  return `FFFF9876543210${(0xe00000 + counter).toString(16).toUpperCase()}`;
}

/** The ciphertext a reader would send for one TLV: the whole element sealed, zero-padded. */
export function sealElement(ksn: string, tag: string, valueHex: string): string {
  const value = Buffer.from(valueHex, 'hex');
  const element = Buffer.concat([Buffer.from(tag, 'hex'), Buffer.from([value.length]), value]);
  return encryptTag(dataRequestKey(TEST_BDK, Buffer.from(ksn, 'hex')), element)
    .toString('hex')
    .toUpperCase();
}

/** Track 2 and card number, sealed as a chip read has them. */
export function sealCard(pan: string, ksn = nextKsn(), yymm = '3412'): SealedCardData {
  const track = `${pan}D${yymm}201123`;
  const even = (digits: string) => (digits.length % 2 === 0 ? digits : `${digits}F`);
  return {
    encryption: 'tdes_dukpt',
    ksn,
    tags: {'5A': sealElement(ksn, '5A', even(pan)), '57': sealElement(ksn, '57', even(track))},
  };
}

/** A swipe: tracks as text. */
export function sealSwipe(pan: string, ksn = nextKsn()): SealedCardData {
  const key = dataRequestKey(TEST_BDK, Buffer.from(ksn, 'hex'));
  const seal = (text: string) => encryptTag(key, Buffer.from(text, 'latin1')).toString('hex').toUpperCase();
  return {
    encryption: 'tdes_dukpt',
    ksn,
    tags: {T1: seal(`%B${pan}^SANDBOX/TEST^3412201?`), T2: seal(`;${pan}=3412201?`)},
  };
}

/** What a contactless chip leaves in clear: cryptogram, TVR, AID, label, name, CVM, TSI. */
export const EMV_DATA =
  '9F26081122334455667788950500000080008407A00000000310105004564953419F34031F00009B02E800';

export function cardRead(sealed: SealedCardData): CardRead {
  return {
    read_method: 'contactless_emv',
    cryptogram: 'arqc',
    brand: 'visa',
    last4: '4242',
    leading_digits: '424242',
    exp_month: 12,
    exp_year: 2034,
    cardholder_name: null,
    receipt: {
      application_preferred_name: 'VISA',
      dedicated_file_name: 'A0000000031010',
      application_cryptogram: '1122334455667788',
      terminal_verification_results: '0000008000',
      transaction_status_information: 'E800',
      cardholder_verification_method: 'none',
      authorization_code: null,
    },
    amount_authorized: 1200,
    currency_numeric: '840',
    sealed,
    emv_data: EMV_DATA,
    missing_tags: [],
  };
}
