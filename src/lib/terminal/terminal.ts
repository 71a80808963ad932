import type {StowpayError} from '../core/errors.js';
import type {PaymentIntent} from '../core/payment.js';
import {type Acknowledged, type AcknowledgeRequest, acknowledge} from './acknowledge.js';
import {type CancelItem, type CancelRequest, cancel} from './cancel.js';
import {type CaptureItem, type CaptureRequest, capture} from './capture.js';
import {type Collected, type CollectRequest, collect} from './collect.js';
import {type Connected, type ConnectRequest, connect} from './connect.js';
import {journalDamage} from './damage.js';
import {type Diagnosis, type DoctorRequest, doctor} from './doctor.js';
import {type ForwardRequest, forward} from './forward/forward.js';
import type {ForwardResult} from './forward/result.js';
import {type Watched, type WatchRequest, watch} from './forward/watch.js';
import {type HoldItem, hold, type ReleaseItem, release} from './hold.js';
import {type Inspected, type InspectRequest, inspect, list} from './inspect.js';
import type {OperateRequest} from './operate.js';
import type {Parts, Profile} from './parts.js';
import {type PolicyTest, type PolicyTested, type ShownPolicy, showPolicy, testPolicy} from './policy.js';
import {type ReadersFound, type ReadersRequest, readers} from './readers.js';
import {type ReconcileRequest, type ReconcileResult, reconcile} from './reconcile/reconcile.js';
import {type RetryItem, type RetryRequest, retry} from './retry.js';
import {checkSafeToWipe, forwarderRuns, type SafetyCheck, type Status, status} from './status.js';

/** One device's till: what the command line and kiosk programs work with. Everything it throws is a StowpayError. */
export class Terminal {
  readonly #parts: Parts;
  readonly #close: () => Promise<void>;

  constructor(parts: Parts, close: () => Promise<void>) {
    this.#parts = parts;
    this.#close = close;
  }

  get profile(): Profile {
    return this.#parts.profile;
  }

  get directory(): string {
    return this.#parts.directory;
  }

  /** Creates the data directory if need be. Throws `data_directory_unusable`, `data_directory_foreign_owner`. */
  prepare(): void {
    this.#parts.journals.prepare();
  }

  /** See `connect`: afterwards the reader is the one to sell with. */
  connect(request: ConnectRequest): Promise<Connected> {
    return connect(this.#parts, request);
  }

  /** See `readers`: where readers could be, and which of them answer. */
  readers(request: ReadersRequest): Promise<ReadersFound> {
    return readers(this.#parts, request);
  }

  /** See `collect`: one payment, authorised at once or durably stored. */
  collect(request: CollectRequest): Promise<Collected> {
    return collect(this.#parts, request);
  }

  /** See `showPolicy`: the risk policy that holds now. */
  policy(): Promise<ShownPolicy> {
    return showPolicy(this.#parts);
  }

  /** See `testPolicy`: how it would judge a payment. Nothing is written. */
  testPolicy(test: PolicyTest): Promise<PolicyTested> {
    return testPolicy(this.#parts, test);
  }

  /** See `forward`: what is stored is sent, each payment exactly once. */
  forward(request: ForwardRequest): Promise<ForwardResult> {
    return forward(this.#parts, request);
  }

  /** See `watch`: forwards whenever it can, until the signal is raised. */
  watch(request: WatchRequest): Promise<Watched> {
    return watch(this.#parts, request);
  }

  /** See `capture`. */
  capture(request: CaptureRequest): Promise<readonly CaptureItem[]> {
    return capture(this.#parts, request);
  }

  /** True while a `forward --watch` runs on this data directory: what is stored is sent without a further command. */
  forwarderRuns(): boolean {
    return forwarderRuns(this.#parts);
  }

  /** See `cancel`: void at once, or recorded and then told to the API. */
  cancel(request: CancelRequest): Promise<readonly CancelItem[]> {
    return cancel(this.#parts, request);
  }

  /** See `hold`. */
  hold(request: OperateRequest): Promise<readonly HoldItem[]> {
    return hold(this.#parts, request);
  }

  /** See `release`. */
  release(request: OperateRequest): Promise<readonly ReleaseItem[]> {
    return release(this.#parts, request);
  }

  /** See `retry`: out of quarantine, and sent now. */
  retry(request: RetryRequest): Promise<readonly RetryItem[]> {
    return retry(this.#parts, request);
  }

  /** See `acknowledge`. */
  acknowledge(request: AcknowledgeRequest): Promise<Acknowledged> {
    return acknowledge(this.#parts, request);
  }

  /** See `doctor`: what is wrong with the reader, and what to do about it. */
  doctor(request: DoctorRequest): Promise<Diagnosis> {
    return doctor(this.#parts, request);
  }

  status(): Promise<Status> {
    return status(this.#parts);
  }

  /** See `checkSafeToWipe`: would anything be lost if this device were wiped now? */
  checkSafeToWipe(capturedElsewhere: boolean): Promise<SafetyCheck> {
    return checkSafeToWipe(this.#parts, capturedElsewhere);
  }

  /** What is wrong with the journal, so that lists of it are not complete; null when nothing is. */
  journalDamage(): Promise<StowpayError | null> {
    return journalDamage(this.#parts);
  }

  list(request: InspectRequest): Promise<readonly PaymentIntent[]> {
    return list(this.#parts, request);
  }

  inspect(names: readonly string[]): Promise<readonly Inspected[]> {
    return inspect(this.#parts, names);
  }

  /** See `reconcile`: what differs from the API is told, and adopted where it is proven. */
  reconcile(request: ReconcileRequest): Promise<ReconcileResult> {
    return reconcile(this.#parts, request);
  }

  /** Lets go of sockets, ports and files. */
  close(): Promise<void> {
    return this.#close();
  }
}
