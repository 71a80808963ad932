import {Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/base-command.js';
import {JournalCommand} from '../../lib/cli/journal-command.js';
import {repairText} from '../../lib/cli/journal-text.js';
import type {JournalCare} from '../../lib/core/ports.js';
import {repairJournal} from '../../lib/terminal/journal.js';

export default class JournalRepair extends JournalCommand {
  static override summary = 'Rebuild a damaged journal from what verifies.';
  static override description =
    'Everything as it was is moved to journal/damaged/ and kept. Payments that the damage may concern are set aside for ' +
    'a person. Without --confirm it only says what it would do.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --confirm dev_0123456789abcdef0123456789abcdef',
  ];
  static override flags = {
    confirm: Flags.string({description: 'The name of the device (dev_…), as journal verify shows it.'}),
    rekey: Flags.boolean({
      description:
        'Only when device.key is lost for good: take the lines as they read, and sign them with a new key.',
    }),
  };

  protected async attend(care: JournalCare): Promise<Answer> {
    const {flags} = await this.parse(JournalRepair);
    const {report, error} = await repairJournal(care, {
      confirm: flags.confirm ?? null,
      rekey: flags.rekey === true,
    });
    return {result: report, text: (look) => repairText(look, report), error};
  }
}
