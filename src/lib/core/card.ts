/** How the card reached the reader; Stripe's names (`card_present.read_method`). */
export type ReadMethod =
  | 'contact_emv'
  | 'contactless_emv'
  | 'contactless_magstripe_mode'
  | 'magnetic_stripe_fallback'
  | 'magnetic_stripe_track2';

export type Brand =
  | 'visa'
  | 'mastercard'
  | 'maestro'
  | 'amex'
  | 'discover'
  | 'jcb'
  | 'unionpay'
  | 'cartes_bancaires'
  | 'eftpos_au'
  | 'interac'
  | 'unknown';

/** Stripe's names (`receipt.cardholder_verification_method`). */
export type CardholderVerificationMethod =
  | 'approval'
  | 'failure'
  | 'none'
  | 'offline_pin'
  | 'offline_pin_and_signature'
  | 'online_pin'
  | 'signature';

/** What an EMV receipt must or may print; hex strings in upper case. */
export interface Receipt {
  /** Tag 9F12, else 50, decoded as text. */
  readonly application_preferred_name: string | null;
  /** Tag 84 (AID). */
  readonly dedicated_file_name: string | null;
  /** Tag 9F26. */
  readonly application_cryptogram: string | null;
  /** Tag 95. */
  readonly terminal_verification_results: string | null;
  /** Tag 9B. */
  readonly transaction_status_information: string | null;
  /** From tag 9F34, else the card's qualifiers (9F6C) or the kernel's outcome; null when nothing tells. */
  readonly cardholder_verification_method: CardholderVerificationMethod | null;
  /** Known only after authorisation. */
  readonly authorization_code: string | null;
}

/**
 * The ciphertext exactly as the reader sent it. stowpay never decrypts it and holds no key that could.
 * `tags`: tag (upper-case hex, or `T1`/`T2`/`T3` for tracks of a swipe) → ciphertext (upper-case hex).
 */
export interface SealedCardData {
  readonly encryption: 'tdes_dukpt' | 'aes_dukpt';
  /** Key serial number, upper-case hex (20 digits TDES, 24 digits AES). */
  readonly ksn: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** What the card's application cryptogram says (tag 9F27 & C0): approved, go online, declined; null when there is none. */
export type Cryptogram = 'tc' | 'arqc' | 'aac' | null;

/** One successful read, as the rest of stowpay sees it. Card numbers appear only sealed. */
export interface CardRead {
  readonly read_method: ReadMethod;
  readonly cryptogram: Cryptogram;
  readonly brand: Brand;
  readonly last4: string | null;
  /** Leading digits the reader left in clear (at most 6; at most 8 where the scheme allows); '' when none. */
  readonly leading_digits: string;
  /** 1–12, null when the reader told no expiry. */
  readonly exp_month: number | null;
  /** Four digits. */
  readonly exp_year: number | null;
  readonly cardholder_name: string | null;
  readonly receipt: Receipt;
  /** Tag 9F02: the amount the cryptogram was computed over, in minor units; null when absent. */
  readonly amount_authorized: number | null;
  /** Tag 5F2A: ISO 4217 numeric code, three digits ('840'); null when absent. */
  readonly currency_numeric: string | null;
  readonly sealed: SealedCardData;
  /** Hex TLV (plain BER) of the clear tags on the allowlist: what an issuer needs, never PAN, track or name. */
  readonly emv_data: string;
  /** Tags without which no issuer can check the cryptogram, and which are not in `emv_data`; empty when all are. */
  readonly missing_tags: readonly string[];
}

/** Why a presentation of a card gave no payment. The reader stays usable; another try may help. */
export type CardFailure =
  | 'declined_by_card'
  | 'reader_offline_only'
  | 'use_contact'
  | 'use_other_interface'
  | 'use_magstripe'
  | 'use_another_card'
  | 'card_error'
  | 'collision'
  | 'over_contactless_limit'
  | 'card_blocked'
  | 'card_expired'
  | 'card_unsupported'
  | 'tap_again'
  /** The phone wants its holder to look at it first. */
  | 'see_phone'
  | 'authentication_failed'
  | 'verification_failed'
  | 'restricted'
  | 'torn'
  /** A stripe was read, or a card like one, where none is taken; what it held was dropped. Or it could not be read. */
  | 'magnetic_stripe'
  | 'missing_emv_data'
  /** Encrypted, but so that nobody could open it later. */
  | 'unusable_encryption'
  | 'unreadable';

/** What came of asking the reader for a card. Faults of the reader itself are thrown as StowpayError. */
export type CardAnswer =
  | {readonly kind: 'card'; readonly card: CardRead}
  /** Card data arrived that was not (provably) encrypted; it was dropped in the reader's room and exists nowhere. */
  | {readonly kind: 'unsealed'; readonly brand: Brand; readonly last4: string | null}
  | {
      readonly kind: 'failed';
      readonly reason: CardFailure;
      readonly brand: Brand;
      readonly last4: string | null;
      /** What the reader said, for the technician, e.g. 'status 0A, error 42'. */
      readonly technical: string;
      /** What came of the cards before it in the same read, oldest first. */
      readonly earlier?: readonly string[];
    }
  | {readonly kind: 'no_card'; readonly reason: 'timeout' | 'canceled'};
