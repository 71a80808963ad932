import {formatAmount} from '../core/money.js';
import type {Doing} from '../terminal/forward/keep-forwarding.js';
import type {ForwardOutcome} from '../terminal/forward/result.js';
import type {ForwarderEvent, QueueNow, Watched} from '../terminal/forward/watch.js';
import {OUTCOME_WORDS, outcomePaint} from './forward-text.js';
import type {Look} from './look.js';
import {amountsText, cardText, plural, timeText} from './payment-text.js';

/** One line for a person who looks at a forwarder's output, or at the log of the service. */
export function eventText(look: Look, event: ForwarderEvent): string {
  const at = look.dim(timeText(event.at));
  switch (event.event) {
    case 'payment_intent_forwarded': {
      const {payment, outcome, error} = event;
      const money = formatAmount(payment.amount, payment.currency);
      const why = error === null ? '' : `: ${error}`;
      const said = outcomePaint(look, outcome)(OUTCOME_WORDS[outcome]);
      return `${at}  ${payment.local_id}  ${said}  ${money}  ${cardText(payment)}${why}`;
    }
    case 'offline_status_change': {
      const {network_status, offline_payments_count: count, offline_payment_amounts_by_currency} = event;
      return `${at}  network ${network_status}, ${queueText({count, amounts: offline_payment_amounts_by_currency})}`;
    }
    case 'forwarding_failure':
      return `${at}  ${look.bad('nothing can be sent now')}: ${event.error.message}`;
  }
}

/** The last line: how many payments reached their end here. */
export function stoppedText(outcomes: Watched['outcomes']): string {
  const parts = Object.entries(outcomes).map(
    ([outcome, count]) => `${plural(count, 'payment')} ${OUTCOME_WORDS[outcome as ForwardOutcome]}`,
  );
  return `Stopped. ${parts.length === 0 ? 'Nothing was forwarded' : parts.join(', ')}.`;
}

export function lostLinesText(count: number): string {
  return `(${plural(count, 'line')} of this output lost; see stowpay inspect)`;
}

/** What the service manager shows of it. */
export function doingText(doing: Doing, queue: QueueNow): string {
  const words = {
    sending: 'Forwarding',
    idle: 'Waiting',
    offline: 'No network',
    blocked: 'Waiting for the journal',
  } as const;
  return `${words[doing]}; ${queueText(queue)}.`;
}

function queueText({count, amounts}: QueueNow): string {
  return count === 0 ? 'nothing stored' : `${plural(count, 'payment')} stored (${amountsText(amounts)})`;
}
