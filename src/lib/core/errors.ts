import {type Condition, exitCode} from './exit-codes.js';

/**
 * Every error code stowpay can answer with, and the condition (hence exit code) it stands for.
 * Codes are stable: scripts compare them. Names follow Stripe Terminal where it has one.
 */
export const ERROR_CODES = {
  // Usage
  invalid_usage: 'usage',
  invalid_amount: 'usage',
  invalid_currency: 'usage',
  invalid_metadata: 'usage',
  reference_amount_mismatch: 'usage',
  payment_not_found: 'usage',
  payment_ambiguous: 'usage',
  input_required: 'usage',
  // Configuration
  journal_not_found: 'configuration',
  profile_required: 'configuration',
  profile_unknown: 'configuration',
  profile_invalid: 'configuration',
  policy_invalid: 'configuration',
  data_directory_unusable: 'configuration',
  data_directory_foreign_owner: 'configuration',
  sandbox_only: 'configuration',
  scenario_invalid: 'configuration',
  // Credentials, account, mode
  authentication_failed: 'credentials',
  account_mismatch: 'credentials',
  livemode_mismatch: 'credentials',
  origin_mismatch: 'credentials',
  forwarding_not_supported: 'credentials',
  // Pending
  payments_pending: 'pending',
  // Temporary
  payments_left: 'temporary',
  not_connected_to_internet_and_require_online_set: 'temporary',
  network_unavailable: 'temporary',
  api_unavailable: 'temporary',
  no_card_presented: 'temporary',
  card_read_canceled: 'temporary',
  // Attention
  payments_need_attention: 'attention',
  payment_in_doubt: 'attention',
  payment_declined_after_acceptance: 'attention',
  payment_quarantined: 'attention',
  api_refused: 'attention',
  reconciliation_mismatch: 'attention',
  // Refused by our rules
  force_offline_with_feature_disabled: 'refused',
  invalid_offline_currency: 'refused',
  amount_too_small: 'refused',
  amount_exceeds_max_offline_amount: 'refused',
  offline_payments_database_too_large: 'refused',
  policy_refused: 'refused',
  offline_disabled: 'refused',
  payment_intent_unexpected_state: 'refused',
  // Card
  card_declined: 'card',
  card_unusable: 'card',
  card_swipe_not_available: 'card',
  contactless_not_supported_offline: 'card',
  online_pin_not_supported_offline: 'card',
  offline_and_card_expired: 'card',
  offline_transaction_declined: 'card',
  interac_not_supported_offline: 'card',
  missing_emv_data: 'card',
  offline_test_card_in_livemode: 'card',
  amount_mismatch: 'card',
  // Reader and connecting
  reader_not_connected: 'reader',
  reader_not_found: 'reader',
  reader_ambiguous: 'reader',
  reader_not_answering: 'reader',
  reader_lost: 'reader',
  reader_fault: 'reader',
  reader_tampered: 'reader',
  reader_key_missing: 'reader',
  reader_key_exhausted: 'reader',
  reader_not_encrypting: 'reader',
  reader_changed: 'reader',
  reader_needs_attention: 'reader',
  ksn_replayed: 'reader',
  test_key_outside_sandbox: 'reader',
  not_connected_to_internet: 'reader',
  no_last_seen_account: 'reader',
  reader_connection_not_available_offline: 'reader',
  reader_connection_offline_location_mismatch: 'reader',
  reader_connection_offline_needs_update: 'reader',
  reader_connection_offline_pairing_unseen_disabled: 'reader',
  // Journal
  journal_damaged: 'journal',
  journal_cloned: 'journal',
  journal_write_failed: 'journal',
  journal_full: 'journal',
  journal_read_only: 'journal',
  journal_read_failed: 'journal',
  journal_version_unknown: 'journal',
  // Locks
  journal_locked: 'locked',
  payment_busy: 'locked',
  reader_busy: 'locked',
  forwarder_running: 'locked',
  // Interruption
  interrupted: 'interrupted',
  terminated: 'terminated',
  // A bug
  unexpected: 'unexpected',
} as const satisfies Record<string, Condition>;

export type ErrorCode = keyof typeof ERROR_CODES;

export type ErrorDetails = {readonly [key: string]: unknown};

/**
 * The one error class. Anything else that reaches the command line is a bug and is shown as `unexpected`.
 *
 * `message` says what happened, to which payment, and what it means for the money; `hint` says what to do.
 * Neither may ever hold card data beyond brand and last4, keys, or the command's arguments.
 */
export class StowpayError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    options: {hint?: string | undefined; details?: ErrorDetails; cause?: unknown} = {},
  ) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause});
    this.name = 'StowpayError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get condition(): Condition {
    return ERROR_CODES[this.code];
  }

  get exitCode(): number {
    return exitCode(this.condition);
  }
}
