import {type Answer, type Run, StowpayCommand} from '../../lib/cli/base-command.js';
import {policyText} from '../../lib/cli/policy-text.js';

export default class PolicyShow extends StowpayCommand {
  static override summary = 'Show the risk policy that holds now, and what is used of it.';
  static override description =
    'From policy.json in the data directory, else the built-in limits. A file that cannot be understood is exit 12: it ' +
    'never means "no limits".';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  protected async answer({terminal}: Run): Promise<Answer> {
    await this.parse(PolicyShow);
    const shown = await terminal.policy();
    return {result: shown, text: (look) => policyText(look, shown)};
  }
}
