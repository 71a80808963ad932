/** The `error` object of an answer, in the shape the API gives it. */
export interface ErrorBody {
  readonly type:
    | 'api_error'
    | 'card_error'
    | 'idempotency_error'
    | 'invalid_request_error'
    | 'rate_limit_error';
  readonly code?: string;
  readonly message: string;
  readonly param?: string;
  readonly [extra: string]: unknown;
}

/** An answer that is an error. Thrown inside a request and turned into the reply by the router; never escapes it. */
export class Problem extends Error {
  readonly status: number;
  readonly body: ErrorBody;

  constructor(status: number, body: ErrorBody) {
    super(body.message);
    this.name = 'Problem';
    this.status = status;
    this.body = body;
  }
}

export function invalidRequest(message: string, extra: {code?: string; param?: string} = {}): Problem {
  return new Problem(400, {type: 'invalid_request_error', message, ...extra});
}

export function parameterUnknown(param: string): Problem {
  return invalidRequest(`This endpoint takes no parameter ${param}.`, {code: 'parameter_unknown', param});
}

export function parameterMissing(param: string): Problem {
  return invalidRequest(`The parameter ${param} is required.`, {code: 'parameter_missing', param});
}

export function resourceMissing(kind: string, id: string, param: string): Problem {
  return new Problem(404, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: `There is no ${kind} ${JSON.stringify(id.slice(0, 80))} in this account.`,
    param,
  });
}

export function unrecognizedUrl(method: string, path: string): Problem {
  return new Problem(404, {
    type: 'invalid_request_error',
    message: `Unrecognized request URL (${method}: ${path.slice(0, 200)}). The sandbox offers no such endpoint.`,
  });
}

export function unauthorized(message: string): Problem {
  return new Problem(401, {type: 'invalid_request_error', message});
}

export function unexpectedState(action: string, status: string): Problem {
  return invalidRequest(`A PaymentIntent with status ${status} cannot be ${action}.`, {
    code: 'payment_intent_unexpected_state',
  });
}
