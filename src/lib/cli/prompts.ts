import {StowpayError} from '../core/errors.js';

/** A port that can be chosen. */
interface Choice {
  readonly address: string;
  readonly description: string | null;
}

/** Asks for the reader's address at a terminal; anywhere else the missing flag is named. */
export async function askForReader(
  mayAsk: boolean,
  listPorts: () => Promise<readonly Choice[]>,
): Promise<string> {
  if (!mayAsk) {
    throw new StowpayError('input_required', 'Which reader? No --reader was given.', {
      hint:
        'Add --reader serial:<path>, --reader serial:usb:<vendor>:<product>[:<serial>], --reader tcp://<host>:<port> or ' +
        '--reader sim: (emulated). stowpay readers shows what there is.',
    });
  }
  const {default: inquirer} = await import('inquirer');
  // The prompt writes where messages go: stdout is for data.
  const prompt = inquirer.createPromptModule({output: process.stderr});
  const ports = await listPorts();
  const {kind} = await prompt([
    {
      type: 'select',
      name: 'kind',
      message: 'Which reader?',
      choices: [
        ...ports.map(({address, description}) => ({
          name: description === null ? address : `${address} (${description})`,
          value: address,
        })),
        {name: 'a card reader on another serial port', value: 'serial'},
        {name: 'a card reader behind a serial device server (TCP)', value: 'tcp'},
        {name: 'the emulated reader (sandbox, no money moves)', value: 'sim:'},
      ],
    },
  ]);
  if (kind !== 'serial' && kind !== 'tcp') return kind;
  const message =
    kind === 'serial' ? 'Port (for example /dev/ttyUSB0):' : 'Host and port (for example 10.0.0.5:4001):';
  const {where} = await prompt([
    {
      type: 'input',
      name: 'where',
      message,
      validate: (text: string) => text.trim() !== '' || 'Please name it.',
    },
  ]);
  return kind === 'serial' ? `serial:${where.trim()}` : `tcp://${where.trim()}`;
}
