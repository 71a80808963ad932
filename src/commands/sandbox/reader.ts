import {join} from 'node:path';
import {Flags} from '@oclif/core';
import type {Answer, Run} from '../../lib/cli/base-command.js';
import {SandboxCommand} from '../../lib/cli/sandbox-command.js';
import {StowpayError} from '../../lib/core/errors.js';
import {
  configureReader,
  directoryWorld,
  leaveKeys,
  readerSettings,
} from '../../lib/sandbox/reader/directory-world.js';
import {checkSettings, SETTING_NAMES} from '../../lib/sandbox/reader/scenario.js';
import {servePty} from '../../lib/sandbox/reader/serve-pty.js';
import {serveTcp} from '../../lib/sandbox/reader/serve-tcp.js';
import type {ReaderSettings} from '../../lib/sandbox/reader/world.js';

export default class SandboxReader extends SandboxCommand {
  static override summary = 'Run the emulated card reader on a pseudo terminal or a TCP port, or set it up.';
  static override description =
    'Answers the bytes a real reader answers, until it is stopped. --pty needs socat. Without either, the settings ' +
    'given are made and kept: sim: has them, too, and a running reader obeys them from its next command on.\n\n' +
    `SETTINGS\n${SETTING_NAMES.join(', ')} (docs/SCENARIOS.md)`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> --pty /tmp/reader',
    '<%= config.bin %> <%= command.id %> --tcp 4001',
    '<%= config.bin %> <%= command.id %> --set clock_offset_s=300 --set output=old',
    '<%= config.bin %> <%= command.id %> --keys-left 3',
    '<%= config.bin %> <%= command.id %> --reset',
  ];
  static override flags = {
    pty: Flags.string({
      description: 'Name of the pseudo terminal to make.',
      exclusive: ['tcp'],
      helpValue: 'PATH',
    }),
    tcp: Flags.integer({description: 'Port on loopback; 0 takes any free one.', min: 0, max: 65535}),
    'encryption-off': Flags.boolean({
      description: 'A reader whose encryption is off: connect must refuse it.',
    }),
    set: Flags.string({
      description: 'A setting; repeatable.',
      multiple: true,
      helpValue: 'NAME=VALUE',
    }),
    'keys-left': Flags.integer({description: 'Uses its key has left.', min: 0, max: 10_000}),
    reset: Flags.boolean({description: 'Forget all settings first. Serial number and key stay.'}),
  };

  protected async emulate(run: Run, directory: string): Promise<Answer | null> {
    const {flags} = await this.parse(SandboxReader);
    const home = join(directory, 'reader');
    const changes = flags.reset || flags.set !== undefined || flags['keys-left'] !== undefined;
    const served = flags.pty !== undefined || flags.tcp !== undefined;
    if (!served && !changes && !flags['encryption-off']) {
      throw new StowpayError('invalid_usage', 'Where should the emulated reader be?', {
        hint: 'Say --pty /tmp/reader or --tcp 4001. (sim: needs no running reader.) Or --set something.',
      });
    }
    const settings = {
      ...(flags.reset ? {} : readerSettings(home)),
      ...(flags['encryption-off'] ? {encryption_off: true} : {}),
      ...checkSettings(settingsOf(flags.set ?? [])),
    };
    configureReader(home, settings);
    if (flags['keys-left'] !== undefined) leaveKeys(home, flags['keys-left']);
    if (!served)
      return {result: {settings}, text: () => `The emulated reader is set up: ${settingsText(settings)}.`};
    const world = directoryWorld(home);
    const server =
      flags.pty === undefined ? await serveTcp(world, flags.tcp ?? 0) : await servePty(world, flags.pty);
    const unusual = Object.keys(settings).length === 0 ? '' : `, set up: ${settingsText(settings)}`;
    return this.serve(run, server, {
      result: {address: server.address, settings},
      text: () => `The emulated reader is at ${server.address}${unusual}`,
    });
  }
}

/** `name=value` pairs; a value that is JSON is what it says, anything else is text. */
function settingsOf(pairs: readonly string[]): object {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) {
        throw new StowpayError('invalid_usage', 'A setting is written NAME=VALUE.', {
          hint: 'For example: --set clock_offset_s=300 --set output=old',
        });
      }
      const name = pair.slice(0, at);
      const text = pair.slice(at + 1);
      return [name, TEXTS.has(name) && text !== 'null' ? text : valueIn(text)] as const;
    }),
  );
}

/** Settings that stay text, also when it looks like a number. */
const TEXTS: ReadonlySet<string> = new Set(['firmware', 'serial_number']);

function valueIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function settingsText(settings: ReaderSettings): string {
  const all = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return all.length === 0 ? 'as it comes' : all.join(', ');
}
