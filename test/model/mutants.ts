import {StowpayError} from '../../src/lib/core/errors.js';
import type {JournalRecord} from '../../src/lib/core/events.js';
import type {FrozenCall, Gateway, Journal} from '../../src/lib/core/ports.js';
import type {Parts} from '../../src/lib/terminal/parts.js';
import type {Terminal} from '../../src/lib/terminal/terminal.js';

/** A fault of our own making in every process of a world. */
export interface Mutant {
  readonly parts?: (parts: Parts) => Parts;
  readonly terminal?: (terminal: Terminal) => void;
}

const withGateway = (alter: (gateway: Gateway) => Partial<Gateway>): Mutant => ({
  parts: (parts) => ({...parts, gateway: {...parts.gateway, ...alter(parts.gateway)}}),
});

const withJournal = (alter: (journal: Journal) => Partial<Journal>): Mutant => ({
  parts: (parts) => {
    const altered = (journal: Journal): Journal => {
      const change = alter(journal);
      return new Proxy(journal, {
        get: (target, name) => {
          const value = Reflect.get(change, name) ?? Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    };
    const {journals} = parts;
    const open = (): Journal => altered(journals.open());
    return {
      ...parts,
      journals: {
        ...journals,
        get exists() {
          return journals.exists;
        },
        open,
      },
    };
  },
});

/** What every intent was created with: what a terminal that guesses would send again. */
const created = new Map<string, FrozenCall>();
let keys = 0;

const remembering = (gateway: Gateway): Pick<Gateway, 'createPaymentIntent'> => ({
  createPaymentIntent: async (call, signal) => {
    const outcome = await gateway.createPaymentIntent(call, signal);
    if (outcome.kind === 'delivered') created.set(outcome.value.id, call);
    return outcome;
  },
});

/** Another intent over the same money, confirmed. */
async function chargeAnew(
  gateway: Gateway,
  id: string,
  call: FrozenCall,
  sealed: Parameters<Gateway['confirmPaymentIntent']>[2],
): ReturnType<Gateway['confirmPaymentIntent']> {
  const again = (one: FrozenCall): FrozenCall => ({...one, idempotency_key: `again-${++keys}`});
  const create = created.get(id);
  if (create === undefined) return gateway.retrievePaymentIntent(id);
  const outcome = await gateway.createPaymentIntent(again(create));
  if (outcome.kind !== 'delivered') return outcome;
  return gateway.confirmPaymentIntent(outcome.value.id, again(call), sealed);
}

/** The mistakes this whole tool exists to avoid. The harness must find every one. */
export const MUTANTS: Readonly<Record<string, Mutant>> = {
  'a gateway that charges everything twice': withGateway((gateway) => ({
    ...remembering(gateway),
    confirmPaymentIntent: async (id, call, sealed) => {
      const outcome = await gateway.confirmPaymentIntent(id, call, sealed);
      if (outcome.kind === 'delivered') await chargeAnew(gateway, id, call, sealed);
      return outcome;
    },
  })),
  'a till that answers a doubt with a second payment': withGateway((gateway) => ({
    ...remembering(gateway),
    confirmPaymentIntent: async (id, call, sealed) => {
      const outcome = await gateway.confirmPaymentIntent(id, call, sealed);
      return outcome.kind === 'in_doubt' ? chargeAnew(gateway, id, call, sealed) : outcome;
    },
  })),
  'a look that always says "untouched"': withGateway((gateway) => ({
    retrievePaymentIntent: async (id, signal) => {
      const outcome = await gateway.retrievePaymentIntent(id, signal);
      if (outcome.kind !== 'delivered') return outcome;
      const untouched = {status: 'requires_payment_method', last_payment_error: null, charge: null};
      return {...outcome, value: {...outcome.value, ...untouched}};
    },
  })),
  'a journal that accepts and does not write': withJournal((journal) => ({
    transact: (async (decide: Parameters<Journal['transact']>[0]) => {
      let dropped: readonly JournalRecord[] | null = null;
      const {result, records} = await journal.transact((state) => {
        const decision = decide(state);
        if (!decision.events.some(({type}) => type === 'payment.accepted_offline')) return decision;
        const meta = {v: 1, seq: 0, commit: 0, at: '2026-11-23T10:00:00.000Z', boot: '', mono: 0};
        dropped = decision.events.map((event) => ({...meta, ...event}));
        return {...decision, events: []};
      });
      return {result, records: dropped ?? records};
    }) as Journal['transact'],
  })),
  'a till that captures more than it was asked to': withGateway((gateway) => ({
    capturePaymentIntent: (id, call, signal) => {
      const {amount_to_capture: _, ...params} = call.params;
      return gateway.capturePaymentIntent(id, {...call, params}, signal);
    },
  })),
  'a till that lets go of what it forwarded': withGateway((gateway) => ({
    confirmPaymentIntent: async (id, call, sealed) => {
      const outcome = await gateway.confirmPaymentIntent(id, call, sealed);
      const cancel = {...call, params: {}, idempotency_key: `cancel-${++keys}`};
      if (outcome.kind === 'delivered') await gateway.cancelPaymentIntent(id, cancel);
      return outcome;
    },
  })),
  'a till that charges and says "declined"': {
    terminal: (terminal) => {
      const collect = terminal.collect.bind(terminal);
      terminal.collect = async (request) => {
        const {payment} = await collect(request);
        if (payment.offline_details !== null) return {payment, fresh: true};
        throw new StowpayError('card_declined', 'declined', {details: {local_id: payment.local_id}});
      };
    },
  },
  'a forward that keeps declines to itself': {
    terminal: (terminal) => {
      const forward = terminal.forward.bind(terminal);
      terminal.forward = async (request) => {
        const result = await forward(request);
        return {...result, payments: result.payments.filter(({outcome}) => outcome !== 'declined')};
      };
    },
  },
  'a wipe guard that always says "safe"': {
    terminal: (terminal) => {
      const check = terminal.checkSafeToWipe.bind(terminal);
      terminal.checkSafeToWipe = async (elsewhere) => ({...(await check(elsewhere)), error: null});
    },
  },
  'a restored journal that looks nothing up': withGateway(() => ({
    listPaymentIntents: async function* () {
      yield {kind: 'delivered', value: [], request_id: null} as const;
    },
  })),
  'a restored journal with keys of its own': withGateway((gateway) => ({
    createPaymentIntent: (call, signal) =>
      gateway.createPaymentIntent({...call, idempotency_key: `${call.idempotency_key}-${++keys}`}, signal),
  })),
};
