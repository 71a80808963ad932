import {join} from 'node:path';
import {Flags} from '@oclif/core';
import type {Answer, Run} from '../../lib/cli/base-command.js';
import {SandboxCommand} from '../../lib/cli/sandbox-command.js';
import {StowpayError} from '../../lib/core/errors.js';
import {configureReader, directoryWorld} from '../../lib/sandbox/reader/directory-world.js';
import {servePty} from '../../lib/sandbox/reader/serve-pty.js';
import {serveTcp} from '../../lib/sandbox/reader/serve-tcp.js';

export default class SandboxReader extends SandboxCommand {
  static override summary = 'Run the emulated card reader on a pseudo terminal or a TCP port.';
  static override description =
    'Answers the bytes a real reader answers, until it is stopped. --pty needs socat.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --pty /tmp/reader',
    '<%= config.bin %> <%= command.id %> --tcp 4001',
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
  };

  protected async emulate(run: Run, directory: string): Promise<Answer | null> {
    const {flags} = await this.parse(SandboxReader);
    if (flags.pty === undefined && flags.tcp === undefined) {
      throw new StowpayError('invalid_usage', 'Where should the emulated reader be?', {
        hint: 'Say --pty /tmp/reader or --tcp 4001. (sim: needs no running reader.)',
      });
    }
    const home = join(directory, 'reader');
    configureReader(home, {encryption_off: flags['encryption-off'] === true});
    const world = directoryWorld(home);
    const server =
      flags.pty === undefined ? await serveTcp(world, flags.tcp ?? 0) : await servePty(world, flags.pty);
    return this.serve(run, server, {
      result: {address: server.address},
      text: () => `The emulated reader is at ${server.address}`,
    });
  }
}
