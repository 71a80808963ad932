import {expect} from 'chai';
import type {PaymentIntent} from '../../src/lib/core/payment.js';
import type {Cli, Ran} from './cli.js';
import {
  capturedAll,
  connectedCli,
  forwarded,
  freshCli,
  type Judge,
  network,
  payments,
  startJudge,
} from './world.js';

/** What every sale of these worlds is over. */
export const AMOUNT = 1250;

/** A device with an API of its own, and what any process on it ever said about its payments. */
export interface World {
  readonly cli: Cli;
  readonly judge: Judge;
  /** The payment of each reference, as it was first told. */
  readonly told: Map<string, string>;
}

/** A device with the emulated reader connected, online. */
export async function connectedWorld(): Promise<World> {
  const judge = await startJudge();
  const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
  return {cli, judge, told: new Map()};
}

/** A device on which no command ever ran. */
export async function newWorld(): Promise<World> {
  const judge = await startJudge();
  return {cli: freshCli({STOWPAY_SANDBOX_API: judge.url}), judge, told: new Map()};
}

/** The command that takes the payment of an order. */
export const collecting = (reference: string) => [
  'collect',
  '12.50',
  'usd',
  '--reference',
  reference,
  '--json',
];

/** Whether a killed process had told its whole answer. */
export function whole({stdout}: Ran): boolean {
  return stdout.endsWith('\n');
}

/** Whatever was said of an order once is said of it for ever. */
export function remember({told}: World, reference: string, ran: Ran): void {
  if (!whole(ran)) return;
  const {ok, result} = ran.json;
  expect(ok, `${ran}`).to.equal(true);
  const {local_id} = result as PaymentIntent;
  expect(local_id, `${reference}: another payment than was told before`).to.equal(
    told.get(reference) ?? local_id,
  );
  told.set(reference, local_id);
}

/** Sends and captures everything, and holds the journal against the ledger. */
export async function agree({cli, judge, told}: World): Promise<void> {
  network(cli, 'on');
  await forwarded(cli);
  await capturedAll(cli);
  const check = await cli.run(['status', '--check', '--json']);
  expect(check.code, `${check}`).to.equal(0);
  const moved = (await judge.ledger()).filter(({confirms}) => confirms > 0);
  const captured = await payments(cli, 'captured');
  const inJournal = captured.map(({local_id, id, reference}) => ({local_id, id, reference}));
  const inLedger = moved.map(({stowpay_id, id}) => ({
    local_id: stowpay_id,
    id,
    reference: [...told].find(([, localId]) => localId === stowpay_id)?.[0],
  }));
  expect(inLedger).to.have.deep.members(inJournal);
  expect(captured.map(({reference}) => reference)).to.have.members([...told.keys()]);
  for (const entry of moved)
    expect(entry).to.include({amount: AMOUNT, amount_captured: AMOUNT, confirms: 1, captures: 1});
}

/** The same things, so many at a time. */
export function inBatches<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({length: Math.ceil(all.length / size)}, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}
