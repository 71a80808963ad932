import fc from 'fast-check';
import {
  type Act,
  acknowledge,
  type Capturing,
  type Choice,
  cancel,
  capture,
  forward,
  hold,
  reconcile,
  release,
  retry,
  type Sending,
  type Watching,
  watch,
} from './acts.js';
import {
  type Command,
  collect,
  does,
  elsewhere,
  forgetKeys,
  lateArrive,
  network,
  pass,
  restoreBackup,
  setClock,
  together,
  trouble,
} from './commands.js';
import type {Death} from './life.js';
import type {ClockSetting, Step, Trouble} from './world.js';

/** Null, but for so many of ten. */
function sometimes<T>(ofTen: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({weight: 10 - ofTen, arbitrary: fc.constant(null)}, {weight: ofTen, arbitrary});
}

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({min: 1, max});
const when = fc.constantFrom('before' as const, 'after' as const);
/** A sale changes the disk about 20 times and calls three times; where nothing is to be sent there is less to die at. */
const death: fc.Arbitrary<Death> = fc.oneof(
  fc.record({on: fc.constant('disk' as const), nth: fc.oneof(upTo(6), upTo(24)), when}),
  fc.record({on: fc.constant('network' as const), nth: fc.oneof(upTo(3), upTo(8)), when}),
);
const mayDie = sometimes(3, death);

const sale = fc.record({
  order: sometimes(5, fc.nat({max: 3})),
  sum: fc.oneof({weight: 3, arbitrary: fc.constant(0)}, {weight: 1, arbitrary: fc.nat({max: 5})}),
  capture_method: fc.constantFrom('manual' as const, 'automatic' as const),
  offline_behavior: fc.constantFrom(
    ...times(4, 'prefer_online'),
    ...times(4, 'force_offline'),
    'require_online',
  ),
  pan: sometimes(2, fc.constantFrom('4000000000000119', '4000000000000002', '5555555555554444')),
  aac: fc.integer({min: 0, max: 11}).map((n) => n === 11),
  cut: fc.integer({min: 0, max: 5}).map((n) => n === 5),
  death: mayDie,
}) as fc.Arbitrary<Parameters<typeof collect>[0]>;

const sending: fc.Arbitrary<Sending> = fc.record({
  only: sometimes(3, fc.nat({max: 7})),
  limit: sometimes(2, fc.integer({min: 1, max: 2})),
  death: mayDie,
});
const steps: readonly Step[] = ['reach', 'create', 'confirm', 'capture', 'cancel', 'look', 'list', 'any'];
const faults: readonly Trouble['fault'][] = [
  {kind: 'drop_before'},
  {kind: 'drop_after'},
  {kind: 'truncate'},
  {kind: 'error_500_before'},
  {kind: 'error_500_after'},
  {kind: 'html_502'},
  {kind: 'conflict_409'},
  {kind: 'unavailable_503'},
  {kind: 'rate_limit_429', should_retry: null},
  {kind: 'rate_limit_429', should_retry: true},
  {kind: 'rate_limit_429', should_retry: false},
  {kind: 'late'},
  {kind: 'silent'},
];
const troubles = fc.record({
  at: fc.oneof(
    {weight: 2, arbitrary: fc.constantFrom<Step>('create', 'confirm', 'look')},
    {weight: 1, arbitrary: fc.constantFrom(...steps)},
  ),
  count: fc.oneof(
    {weight: 3, arbitrary: fc.constant(1)},
    {weight: 1, arbitrary: fc.integer({min: 2, max: 5})},
  ),
  fault: fc.constantFrom(...faults),
});

const capturing: fc.Arbitrary<Capturing> = fc.record({
  only: sometimes(7, fc.nat({max: 7})),
  part: sometimes(6, fc.integer({min: 1, max: 100})),
  death: mayDie,
});
const choice: fc.Arbitrary<Choice> = fc.record({only: fc.nat({max: 7}), death: mayDie});

const watching: fc.Arbitrary<Watching> = fc.record({after: fc.integer({min: 20, max: 400}), death: mayDie});

const immortal = {death: null};
/** A request does not tell which of two processes it is from: they die on the disk only. */
const besides = <C extends {readonly death: Death | null}>(arbitrary: fc.Arbitrary<C>): fc.Arbitrary<C> =>
  arbitrary.map((one) => (one.death?.on === 'network' ? {...one, ...immortal} : one));
const acts: fc.Arbitrary<Act> = fc.oneof(
  {weight: 4, arbitrary: besides(sending).map(forward)},
  {weight: 2, arbitrary: besides(capturing).map(capture)},
  {weight: 2, arbitrary: besides(choice).map(cancel)},
  {weight: 1, arbitrary: besides(choice).map(hold)},
  {weight: 1, arbitrary: besides(choice).map(retry)},
  {weight: 1, arbitrary: besides(watching).map(watch)},
  {weight: 1, arbitrary: fc.constant(null).map(reconcile)},
);

const MINUTES = [1, 16, 120, 23.5 * 60, 25 * 60, 3 * 24 * 60];

/** Every command there is, each as likely as it stands here often. */
const COMMANDS: readonly fc.Arbitrary<Command>[] = [
  ...times(5, sale.map(collect)),
  ...times(4, sending.map(forward).map(does)),
  ...times(3, troubles.map(trouble)),
  ...times(2, fc.boolean().map(network)),
  ...times(
    2,
    fc.tuple(acts, acts).map((both) => together(...both)),
  ),
  ...times(2, capturing.map(capture).map(does)),
  watching.map(watch).map(does),
  mayDie.map(reconcile).map(does),
  choice.map(cancel).map(does),
  choice.map(hold).map(does),
  choice.map(release).map(does),
  choice.map(retry).map(does),
  choice.map(acknowledge).map(does),
  fc.constant(null).map(lateArrive),
  fc.constantFrom(...MINUTES).map((minutes) => pass(minutes * 60_000)),
  fc.constantFrom<ClockSetting>('right', 'early', 'late', 'ahead', 'behind', 'epoch').map(setClock),
  ...times(
    3,
    fc.tuple(fc.integer({min: 1, max: 5}), fc.boolean()).map((how) => restoreBackup(...how)),
  ),
  fc.constant(null).map(forgetKeys),
  fc
    .record({
      act: fc.constantFrom('capture' as const, 'cancel' as const),
      index: fc.nat({max: 7}),
      part: sometimes(5, fc.integer({min: 1, max: 100})),
    })
    .map(({act, index, part}) => elsewhere(act, index, part)),
];

/** Lives of a kiosk, of so many commands at most. */
export function lives(longest: number, replayPath: string | undefined): fc.Arbitrary<Iterable<Command>> {
  const replay = replayPath === undefined ? {} : {replayPath};
  return fc.commands([...COMMANDS], {maxCommands: longest, size: 'max', ...replay});
}

function times<T>(count: number, arbitrary: T): readonly T[] {
  return Array.from({length: count}, () => arbitrary);
}
