import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {Args, Flags} from '@oclif/core';
import type {Answer, Run} from '../../lib/cli/base-command.js';
import {SandboxCommand} from '../../lib/cli/sandbox-command.js';
import {table} from '../../lib/cli/table.js';
import {StowpayError} from '../../lib/core/errors.js';
import {testCard} from '../../lib/sandbox/cards.js';
import {endScenario, loadScenario, scenarioOf} from '../../lib/sandbox/reader/directory-world.js';
import type {Fault} from '../../lib/sandbox/reader/faults.js';
import type {Progress} from '../../lib/sandbox/reader/player.js';
import {parseScenario, type Scenario, type Step} from '../../lib/sandbox/reader/scenario.js';

export default class SandboxScenario extends SandboxCommand {
  static override summary = 'Have the emulated reader play a sequence of cards, delays and faults.';
  static override description =
    'The file (JSON, docs/SCENARIOS.md) is checked first and then played one step a card read, by sim: and by ' +
    'stowpay sandbox reader alike. Without a file it shows how far the scenario is.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> docs/examples/rough-morning.json',
    '<%= config.bin %> <%= command.id %> docs/examples/rough-morning.json --check',
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --stop',
  ];
  static override args = {
    file: Args.string({description: 'The scenario.'}),
  };
  static override flags = {
    check: Flags.boolean({description: 'Only check the file.', exclusive: ['stop']}),
    stop: Flags.boolean({description: 'Play no scenario any more.'}),
  };

  protected async emulate(_run: Run, directory: string): Promise<Answer> {
    const {args, flags} = await this.parse(SandboxScenario);
    const home = join(directory, 'reader');
    if (flags.check && args.file === undefined) throw usage('Which file shall be checked?');
    if (flags.stop && args.file !== undefined) throw usage('Either play a scenario or stop it.');
    if (args.file !== undefined) return loaded(home, readScenario(args.file), flags.check === true);
    if (flags.stop) {
      endScenario(home);
      return {result: {scenario: null}, text: () => 'No scenario is played any more.'};
    }
    const playing = scenarioOf(home);
    if (playing !== null) return standing(playing.scenario, playing.progress);
    return {result: {scenario: null}, text: () => 'No scenario is played.'};
  }
}

function loaded(home: string, text: string, onlyCheck: boolean): Answer {
  const scenario = onlyCheck ? parseScenario(text) : loadScenario(home, text);
  const reads = scenario.steps.filter(({kind}) => kind === 'card').length;
  const size = `${scenario.steps.length} steps, ${reads} of them card reads`;
  return {
    result: {scenario: {description: scenario.description, steps: scenario.steps.length, next: 0}},
    text: () =>
      onlyCheck ? `The scenario is right: ${size}.` : `The next card read begins the scenario: ${size}.`,
  };
}

function standing({description, steps, afterwards}: Scenario, {step: next}: Progress): Answer {
  const done = next >= steps.length;
  return {
    result: {scenario: {description, steps: steps.length, next, done, afterwards}},
    text: (look) =>
      [
        ...(description === '' ? [] : [look.bold(description)]),
        table(
          look,
          [{title: ''}, {title: 'STEP', right: true}, {title: 'WHAT HAPPENS'}],
          steps.map((step, index) => [
            index < next ? 'done' : index === next ? 'next' : '',
            String(index + 1),
            stepText(step),
          ]),
        ),
        ...(done ? [ENDED[afterwards]] : []),
      ].join('\n'),
  };
}

const ENDED: Readonly<Record<Scenario['afterwards'], string>> = {
  cards: 'All steps were played: ordinary cards follow.',
  nobody: 'All steps were played: nobody comes any more.',
  repeat: 'All steps were played: the next card read begins anew.',
};

function stepText(step: Step): string {
  switch (step.kind) {
    case 'card': {
      const card = `${testCard(step.pan)?.alias ?? ''}, ${step.behavior}`;
      const delay = step.after_ms === null ? '' : `, after ${step.after_ms} ms`;
      return `${card}${delay}${faultsText(step.faults)}${times(step.repeat)}`;
    }
    case 'command':
      return `command ${hexByte(step.command)}-${hexByte(step.sub)}${faultsText(step.faults)}${times(step.repeat)}`;
    case 'idle':
      return `${step.idle_ms} ms of silence${faultsText(step.faults)}`;
    case 'reader':
      return `reader: ${Object.entries(step.reader)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}`;
  }
}

function faultsText(faults: readonly Fault[]): string {
  return faults.map(({kind, at}) => `; ${kind}${at === undefined ? '' : ` (${at})`}`).join('');
}

function hexByte(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}

function times(repeat: number): string {
  return repeat === 1 ? '' : `; ${repeat} times`;
}

function readScenario(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const {code = 'no reason given'} = error as NodeJS.ErrnoException;
    throw new StowpayError('scenario_invalid', `The scenario file cannot be read (${code}).`, {
      hint: 'Give the path of a JSON file; docs/SCENARIOS.md describes it.',
      cause: error,
    });
  }
}

function usage(message: string): StowpayError {
  return new StowpayError('invalid_usage', message, {
    hint: 'For example: stowpay sandbox scenario docs/examples/rough-morning.json',
  });
}
