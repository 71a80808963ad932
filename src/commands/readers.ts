import {Args, Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {plural} from '../lib/cli/payment-text.js';
import {readersError, readersText} from '../lib/cli/readers-text.js';

export default class Readers extends StowpayCommand {
  static override summary = 'List the ports a card reader could be at, and say which of them answer.';
  static override description =
    'Opens every serial port of this machine, sends a ping and closes it again; nothing is changed and no card is read. ' +
    'With addresses, only those are asked: a reader behind a device server is found by its address alone.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> tcp://10.0.0.5:4001 --json',
  ];
  static override strict = false;
  static override args = {
    address: Args.string({description: 'serial:…, tcp://… or sim:; several may be given.'}),
  };
  static override flags = {
    ping: Flags.boolean({
      description: 'Ask each port whether a reader answers.',
      default: true,
      allowNo: true,
    }),
  };

  protected async answer({terminal, signal, note, json}: Run): Promise<Answer> {
    const {flags, argv} = await this.parse(Readers);
    const addresses = argv as string[];
    const found = await terminal.readers({
      addresses,
      ping: flags.ping,
      onAsk: (count) => {
        if (!json && count > 0) note(`Asking ${plural(count, 'port')}, up to five seconds …`);
      },
      signal,
    });
    return {
      result: {readers: found.readers},
      warnings: found.notes,
      text: (look) => readersText(look, found, flags.ping),
      error: readersError(found, addresses.length > 0, flags.ping),
    };
  }
}
