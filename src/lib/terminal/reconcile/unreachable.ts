import {StowpayError} from '../../core/errors.js';
import type {ApiError} from '../../core/ports.js';

/** The API could not be asked: nothing can be said about what it holds. */
export function unreachable({message, http_status}: ApiError): StowpayError {
  const answered = http_status !== null;
  return new StowpayError(
    answered ? 'api_unavailable' : 'network_unavailable',
    `The payment API ${answered ? 'does not serve us now' : 'cannot be reached'}: ${message} Nothing was compared, and ` +
      'the journal is as it was.',
    {hint: `Run the command again when ${answered ? 'it works again' : 'the network is back'}.`},
  );
}
