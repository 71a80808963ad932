import {join} from 'node:path';
import {Args, Flags} from '@oclif/core';
import type {Answer, Run} from '../../lib/cli/base-command.js';
import {SandboxCommand} from '../../lib/cli/sandbox-command.js';
import {table} from '../../lib/cli/table.js';
import {BEHAVIORS, type Behavior} from '../../lib/sandbox/reader/behaviors.js';
import {presentNext} from '../../lib/sandbox/reader/directory-world.js';

export default class SandboxCard extends SandboxCommand {
  static override summary = 'Choose the next card at the emulated reader, and how it behaves.';
  static override description =
    'Takes only published test card numbers. Without any choice it lists the behaviours.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> 4000000000000002',
    '<%= config.bin %> <%= command.id %> --behavior expired',
  ];
  static override args = {
    number: Args.string({description: 'A published test card number; 4242424242424242 if left out.'}),
  };
  static override flags = {
    behavior: Flags.string({
      description: 'How card or reader behave; approve if left out.',
      helpValue: 'NAME',
    }),
    sticky: Flags.boolean({description: 'For every following read, not only the next.'}),
  };

  protected async emulate(_run: Run, directory: string): Promise<Answer> {
    const {args, flags} = await this.parse(SandboxCard);
    if (args.number === undefined && flags.behavior === undefined) {
      return {
        result: {behaviors: BEHAVIORS},
        text: (look) => table(look, [{title: 'BEHAVIOR'}, {title: 'WHAT IT IS'}], Object.entries(BEHAVIORS)),
      };
    }
    const card = {
      ...(args.number === undefined ? {} : {pan: args.number.replaceAll(' ', '')}),
      ...(flags.behavior === undefined ? {} : {behavior: flags.behavior as Behavior}),
      sticky: flags.sticky === true,
    };
    presentNext(join(directory, 'reader'), card);
    const last4 = (card.pan ?? '4242').slice(-4);
    const behavior = flags.behavior ?? 'approve';
    return {
      result: {last4, behavior, sticky: flags.sticky === true},
      text: () => `The next card ends in ${last4} and behaves: ${behavior}.`,
    };
  }
}
