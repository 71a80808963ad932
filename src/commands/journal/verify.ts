import type {Answer} from '../../lib/cli/base-command.js';
import {JournalCommand} from '../../lib/cli/journal-command.js';
import {verdictText} from '../../lib/cli/journal-text.js';
import type {JournalCare} from '../../lib/core/ports.js';
import {verifyJournal} from '../../lib/terminal/journal.js';

export default class JournalVerify extends JournalCommand {
  static override summary = 'Read the whole journal and list all damage.';
  static override description =
    'Exit 0 when every line of every segment verifies, 10 otherwise, with segment, line and byte of each place and the ' +
    'payment it concerns, as far as the bytes still tell. Changes nothing.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  protected async attend(care: JournalCare): Promise<Answer> {
    await this.parse(JournalVerify);
    const {verdict, error} = await verifyJournal(care);
    return {result: verdict, text: (look) => verdictText(look, verdict), error};
  }
}
