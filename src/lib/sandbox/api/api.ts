import {type Caller, callerOf} from './caller.js';
import {type FaultRequest, faultRecord} from './faults.js';
import {keyDigest, keyInUse} from './idempotency.js';
import {type LedgerEntry, ledger} from './ledger.js';
import {Problem} from './problem.js';
import {type ApiRequest, type Delivery, json} from './request.js';
import type {FaultRecord} from './state.js';
import {nextStep} from './steps.js';
import type {Store} from './store.js';
import {API_VERSION} from './version.js';

/** Waits, and gives up early when the server closes. */
export type Sleep = (ms: number) => Promise<void>;

/**
 * The emulated payment API without its sockets: requests in, answers out, state in the store.
 * A request is decided and written in one transaction, so that any number of processes are one API.
 */
export class Api {
  private readonly store: Store;
  private readonly sleep: Sleep;

  constructor(store: Store, sleep: Sleep) {
    this.store = store;
    this.sleep = sleep;
  }

  /** Answers one request. Everything a client can do wrong is an answer too. */
  async answer(request: ApiRequest): Promise<Delivery> {
    try {
      const caller = callerOf(request);
      return withHeaders(await this.answerOnce(request, caller), request, caller);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return withHeaders(json(error.status, {error: error.body}), request, null);
    }
  }

  /** Makes requests fail on purpose, from now on, in every process that shares the directory. */
  addFault(asked: FaultRequest): Promise<FaultRecord> {
    const record = faultRecord(asked);
    return this.store.transact(() => ({changes: [{kind: 'fault', record}], result: record}));
  }

  faults(): Promise<FaultRecord[]> {
    return this.store.transact((state) => ({changes: [], result: [...state.faults.values()]}));
  }

  clearFaults(): Promise<void> {
    return this.store.transact(() => ({changes: [{kind: 'faults_cleared'}], result: undefined}));
  }

  ledger(): Promise<LedgerEntry[]> {
    return this.store.transact((state) => ({changes: [], result: ledger(state)}));
  }

  /** One request per key at a time: a second one that comes meanwhile is told so. */
  private async answerOnce(request: ApiRequest, caller: Caller): Promise<Delivery> {
    if (caller.key === null) return this.decide(request, caller);
    const digest = keyDigest(caller.account, caller.key);
    if (!this.store.claimKey(digest)) throw keyInUse();
    try {
      return await this.decide(request, caller);
    } finally {
      this.store.releaseKey(digest);
    }
  }

  private async decide(request: ApiRequest, caller: Caller): Promise<Delivery> {
    let withFaults = true;
    for (;;) {
      const step = await this.store.transact((state) => nextStep(state, request, caller, withFaults));
      switch (step.kind) {
        case 'done':
          return step.delivery;
        case 'again':
          break;
        case 'hang':
          // One fault a request: after it hung it is served.
          withFaults = false;
          await this.sleep(step.ms);
      }
    }
  }
}

function withHeaders(delivery: Delivery, request: ApiRequest, caller: Caller | null): Delivery {
  return {
    ...delivery,
    headers: {
      Date: new Date(request.at).toUTCString(),
      'Request-Id': request.request_id,
      'Stripe-Version': caller?.version ?? API_VERSION,
      ...(caller?.key ? {'Idempotency-Key': caller.key} : {}),
      ...delivery.headers,
    },
  };
}
