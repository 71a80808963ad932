import {Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {checkWarnings} from '../lib/cli/doctor-text.js';
import {askForReader} from '../lib/cli/prompts.js';
import {facts} from '../lib/cli/table.js';
import type {FoundReader} from '../lib/terminal/readers.js';

export default class Connect extends StowpayCommand {
  static override summary = 'Connect the card reader to sell with.';
  static override description =
    'Opens the reader, checks identity, encryption and key, and records it. With network it fetches the location and its ' +
    'terminal configuration; without, the reader type must have been connected online here in the last 30 days.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --reader sim:',
    '<%= config.bin %> <%= command.id %> --reader serial:/dev/ttyUSB0 --profile shop',
  ];
  static override flags = {
    reader: Flags.string({
      description: 'serial:<path>, serial:usb:<vendor>:<product>, tcp://<host>:<port> or sim: (emulated).',
      helpValue: 'ADDRESS',
    }),
    location: Flags.string({description: 'Terminal location (tml_…); the account’s first if left out.'}),
    offline: Flags.boolean({description: 'Do not try the network.'}),
  };

  protected async answer({terminal, signal, mayAsk}: Run): Promise<Answer> {
    const {flags} = await this.parse(Connect);
    const connected = await terminal.connect({
      address: flags.reader ?? (await askForReader(mayAsk, () => portsOf(terminal))),
      location: flags.location ?? null,
      offline: flags.offline === true,
      signal,
    });
    const {reader, location, pairing} = connected;
    return {
      result: connected,
      warnings: checkWarnings(connected.checks),
      text: (look) =>
        `${look.good('Connected')} ${reader.address}\n${facts(look, [
          [
            'Reader',
            `${reader.type} ${reader.serial_number || '(no serial number)'}, ${reader.firmware || '(firmware not told)'}`,
          ],
          [
            'Encryption',
            `on, key ${reader.key.ksn ?? 'not told by the reader'}${reader.test_key ? ' (published test key)' : ''}`,
          ],
          ['Location', `${location.id} (${location.display_name})`],
          ['Account', `${connected.account}, ${connected.livemode ? 'LIVE mode' : 'test mode'}`],
          ['Network', connected.network_status],
          [
            'Offline',
            connected.offline_enabled ? `enabled, ${pairing.days_left} days left` : 'not enabled here',
          ],
        ])}`,
    };
  }
}

/** Only listed, not asked: what is chosen is asked anyway. */
async function portsOf(terminal: Run['terminal']): Promise<readonly FoundReader[]> {
  const {readers} = await terminal.readers({addresses: [], ping: false});
  return readers.filter(({address}) => address !== 'sim:');
}
