import {join} from 'node:path';
import {Flags} from '@oclif/core';
import type {Answer, Run} from '../../lib/cli/base-command.js';
import {SandboxCommand} from '../../lib/cli/sandbox-command.js';
import {startSandboxApi} from '../../lib/sandbox/api/server.js';

export default class SandboxApiCommand extends SandboxCommand {
  static override summary = 'Run the emulated payment API on its own, for any Stripe client.';
  static override description =
    'Listens on loopback until it is stopped. Point commands of a sandbox profile at it with STOWPAY_SANDBOX_API.';
  static override examples = ['<%= config.bin %> <%= command.id %> --port 4010'];
  static override flags = {
    port: Flags.integer({
      description: 'Port to listen on; 0 takes any free one.',
      default: 0,
      min: 0,
      max: 65535,
    }),
  };

  protected async emulate(run: Run, directory: string): Promise<Answer | null> {
    const {flags} = await this.parse(SandboxApiCommand);
    const api = await startSandboxApi({dir: join(directory, 'api'), port: flags.port});
    return this.serve(run, api, {
      result: {url: api.url, port: api.port},
      text: () => `The sandbox API listens on ${api.url}\nSTOWPAY_SANDBOX_API=${api.url}`,
    });
  }
}
