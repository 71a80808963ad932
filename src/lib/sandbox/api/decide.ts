/** What the sandbox's issuer says to an authorisation. */
export type Decision =
  | {readonly kind: 'approved'}
  | {
      readonly kind: 'declined';
      /** The error's `code`. */
      readonly code: 'card_declined' | 'expired_card' | 'processing_error';
      readonly decline_code: string;
      readonly advice_code: 'try_again_later' | 'do_not_try_again' | null;
    };

const DECLINED_CARDS: Readonly<Record<string, Decision>> = {
  '4000000000000002': declined('generic_decline'),
  '4000000000009995': declined('insufficient_funds'),
  '4000000000009987': declined('lost_card', 'card_declined', 'do_not_try_again'),
  '4000000000000069': declined('expired_card', 'expired_card'),
  '4000000000000119': declined('processing_error', 'processing_error', 'try_again_later'),
};

/** By the last two digits of the amount, as Stripe's simulated terminal does. */
const DECLINED_AMOUNTS: Readonly<Record<number, Decision>> = {
  1: declined('call_issuer'),
  2: declined('offline_pin_required'),
  3: declined('online_or_offline_pin_required'),
  5: declined('generic_decline'),
  55: declined('incorrect_pin'),
  65: declined('withdrawal_count_limit_exceeded'),
  75: declined('pin_try_exceeded'),
};

/** The card number decides first, then the amount's ending (minor units); everything else is approved. */
export function decideAuthorization(pan: string, amount: number): Decision {
  return DECLINED_CARDS[pan] ?? DECLINED_AMOUNTS[amount % 100] ?? {kind: 'approved'};
}

function declined(
  declineCode: string,
  code: 'card_declined' | 'expired_card' | 'processing_error' = 'card_declined',
  advice: 'try_again_later' | 'do_not_try_again' | null = null,
): Decision {
  return {kind: 'declined', code, decline_code: declineCode, advice_code: advice};
}
