import type {Api} from './api.js';
import {parseFault} from './faults.js';
import {Problem, unrecognizedUrl} from './problem.js';
import {type ApiRequest, type Delivery, json} from './request.js';

/** True for the endpoints that steer the sandbox itself. They need no key and are served on loopback only. */
export function isControl(request: ApiRequest): boolean {
  return request.path.startsWith('/_sandbox/');
}

/** `GET/POST/DELETE /_sandbox/faults`, `GET /_sandbox/ledger`. */
export async function control(api: Api, request: ApiRequest): Promise<Delivery> {
  try {
    return json(200, await controlled(api, request));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return json(error.status, {error: error.body});
  }
}

async function controlled(api: Api, request: ApiRequest): Promise<unknown> {
  switch (`${request.method} ${request.path}`) {
    case 'GET /_sandbox/faults':
      return {faults: await api.faults()};
    case 'POST /_sandbox/faults':
      return api.addFault(parseFault(request.body));
    case 'DELETE /_sandbox/faults':
      await api.clearFaults();
      return {faults: []};
    case 'GET /_sandbox/ledger':
      return {livemode: false, payment_intents: await api.ledger()};
    default:
      throw unrecognizedUrl(request.method, request.path);
  }
}
