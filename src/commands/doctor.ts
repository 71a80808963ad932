import {Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {doctorText} from '../lib/cli/doctor-text.js';

export default class Doctor extends StowpayCommand {
  static override summary = 'Find out what is wrong with the reader, and what to do about it.';
  static override description =
    'Asks the connected reader everything it can tell, without network, and changes nothing. A reader in use is left alone ' +
    '(exit 11). Exits with 0 when nothing is wrong, else as the command would that stumbles over it (mostly 9).';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --fix',
    '<%= config.bin %> <%= command.id %> --reader serial:/dev/ttyUSB0 --json',
  ];
  static override flags = {
    reader: Flags.string({
      description: 'Another reader than the connected one.',
      helpValue: 'ADDRESS',
    }),
    fix: Flags.boolean({
      description: 'Set the reader’s clock, masking, poll mode and first response where they are wrong.',
    }),
    strict: Flags.boolean({description: 'A warning is a fault, too.'}),
  };

  protected async answer({terminal, signal}: Run): Promise<Answer> {
    const {flags} = await this.parse(Doctor);
    const {error, ...result} = await terminal.doctor({
      address: flags.reader ?? null,
      fix: flags.fix === true,
      strict: flags.strict === true,
      signal,
    });
    return {result, text: (look) => doctorText(look, result), error};
  }
}
