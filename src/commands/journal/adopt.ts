import {Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/base-command.js';
import {JournalCommand} from '../../lib/cli/journal-command.js';
import {adoptText} from '../../lib/cli/journal-text.js';
import type {JournalCare} from '../../lib/core/ports.js';
import {adoptJournal} from '../../lib/terminal/journal.js';

export default class JournalAdopt extends JournalCommand {
  static override summary = 'Go on, on this machine, with a journal that another one wrote.';
  static override description =
    'A copied data directory is refused, because two devices that forward the same payments could charge them twice. ' +
    'Adopt it only when the other device is out of use for good.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --confirm dev_0123456789abcdef0123456789abcdef',
  ];
  static override flags = {
    confirm: Flags.string({description: 'The name of the device (dev_…), as journal verify shows it.'}),
  };

  protected async attend(care: JournalCare): Promise<Answer> {
    const {flags} = await this.parse(JournalAdopt);
    const {report, error} = await adoptJournal(care, flags.confirm ?? null);
    return {result: report, text: () => adoptText(report), error};
  }
}
