import type {ApiError} from './ports.js';

const SOFT_CODES: ReadonlySet<string> = new Set([
  'processing_error',
  'issuer_not_available',
  'try_again_later',
]);

/**
 * True for a decline the issuer may answer otherwise later. Stripe's advice outranks the code:
 * https://docs.stripe.com/declines/codes and the `advice_code` of the error.
 */
export function isSoftDecline(error: Pick<ApiError, 'code' | 'decline_code' | 'advice_code'>): boolean {
  if (error.advice_code === 'do_not_try_again') return false;
  if (error.advice_code === 'try_again_later') return true;
  return SOFT_CODES.has(error.code ?? '') || SOFT_CODES.has(error.decline_code ?? '');
}
