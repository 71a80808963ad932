import {join} from 'node:path';
import {Args, Flags} from '@oclif/core';
import type {Answer, Run} from '../../lib/cli/base-command.js';
import {SandboxCommand} from '../../lib/cli/sandbox-command.js';
import {table} from '../../lib/cli/table.js';
import {StowpayError} from '../../lib/core/errors.js';
import {namedCard, TEST_CARDS} from '../../lib/sandbox/cards.js';
import {BEHAVIORS, type Behavior} from '../../lib/sandbox/reader/behaviors.js';
import {type NextCard, presentNext} from '../../lib/sandbox/reader/directory-world.js';
import {FAULTS, type Fault, type FaultKind, MOMENTS, type Moment} from '../../lib/sandbox/reader/faults.js';

const MAX_MS = 600_000;

export default class SandboxCard extends SandboxCommand {
  static override summary =
    'Choose the next card at the emulated reader, how it behaves and what goes wrong.';
  static override description = [
    'Takes only published test cards, by number or name. Without any choice it lists cards, behaviours and faults. ' +
      'A whole sequence is played by stowpay sandbox scenario.',
    `CARDS\n${TEST_CARDS.map(({alias, pan}) => `${alias} (${pan})`).join(', ')}`,
    `BEHAVIOURS\n${Object.keys(BEHAVIORS).join(', ')}`,
    `FAULTS\n${Object.keys(FAULTS).join(', ')}`,
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> insufficient_funds',
    '<%= config.bin %> <%= command.id %> amex --behavior expired',
    '<%= config.bin %> <%= command.id %> --fault cable_pull --at seen --for-ms 3000',
  ];
  static override args = {
    card: Args.string({description: 'Number or name of a test card; visa (4242424242424242) if left out.'}),
  };
  static override flags = {
    behavior: Flags.string({
      description: 'How card or reader behave; approve if left out.',
      helpValue: 'NAME',
    }),
    sticky: Flags.boolean({description: 'For every following read, not only the next.'}),
    'after-ms': Flags.integer({description: 'Until the card is there.', min: 0, max: MAX_MS}),
    fault: Flags.string({description: 'What goes wrong meanwhile.', helpValue: 'NAME'}),
    at: Flags.string({
      description: 'When: nobody was there yet, the card was just seen, or with the answer.',
      options: [...MOMENTS],
      dependsOn: ['fault'],
    }),
    'for-ms': Flags.integer({description: 'For how long.', min: 0, max: MAX_MS, dependsOn: ['fault']}),
  };

  protected async emulate(_run: Run, directory: string): Promise<Answer> {
    const {args, flags} = await this.parse(SandboxCard);
    const chosen = args.card ?? flags.behavior ?? flags.fault ?? flags['after-ms'];
    if (chosen === undefined && !flags.sticky) return catalogue();
    const fault = flags.fault === undefined ? null : faultOf(flags.fault, flags.at, flags['for-ms']);
    const card: NextCard = {
      ...(args.card === undefined ? {} : {pan: panOf(args.card)}),
      ...(flags.behavior === undefined ? {} : {behavior: flags.behavior as Behavior}),
      ...(flags['after-ms'] === undefined ? {} : {after_ms: flags['after-ms']}),
      ...(fault === null ? {} : {faults: [fault]}),
      sticky: flags.sticky === true,
    };
    presentNext(join(directory, 'reader'), card);
    const last4 = (card.pan ?? '4242').slice(-4);
    const {behavior = 'approve', sticky} = card;
    const disturbed = fault === null ? '' : `, with the fault ${fault.kind}`;
    return {
      result: {last4, behavior, sticky, faults: card.faults ?? []},
      text: () =>
        `${sticky ? 'Every' : 'The next'} card ends in ${last4} and behaves: ${behavior}${disturbed}.`,
    };
  }
}

function catalogue(): Answer {
  const cards = TEST_CARDS.map(({alias, pan, brand, note}) => ({name: alias, number: pan, brand, note}));
  return {
    result: {cards, behaviors: BEHAVIORS, faults: FAULTS, moments: MOMENTS},
    text: (look) =>
      [
        table(
          look,
          [{title: 'CARD'}, {title: 'NUMBER'}, {title: 'BRAND'}, {title: 'NOTE'}],
          cards.map(({name, number, brand, note}) => [name, number, brand, note]),
        ),
        table(look, [{title: 'BEHAVIOR'}, {title: 'WHAT IT IS'}], Object.entries(BEHAVIORS)),
        table(look, [{title: 'FAULT'}, {title: 'WHAT HAPPENS'}], Object.entries(FAULTS)),
      ].join('\n\n'),
  };
}

function panOf(name: string): string {
  const card = namedCard(name);
  if (card !== undefined) return card.pan;
  // What is no test number may be a real one: it is not repeated.
  throw new StowpayError('invalid_usage', 'The sandbox takes only published test cards, by number or name.', {
    hint: 'stowpay sandbox card lists them.',
  });
}

function faultOf(kind: string, at: string | undefined, forMs: number | undefined): Fault {
  if (!Object.hasOwn(FAULTS, kind) || kind === 'status') {
    throw new StowpayError('invalid_usage', 'The emulated reader knows no such fault.', {
      hint: `Use one of: ${Object.keys(FAULTS)
        .filter((name) => name !== 'status')
        .join(', ')}. A status is played by a scenario.`,
    });
  }
  return {
    kind: kind as FaultKind,
    ...(at === undefined ? {} : {at: at as Moment}),
    ...(forMs === undefined ? {} : {for_ms: forMs}),
  };
}
