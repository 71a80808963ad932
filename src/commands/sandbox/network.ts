import {Args} from '@oclif/core';
import type {Answer, Run} from '../../lib/cli/base-command.js';
import {SandboxCommand} from '../../lib/cli/sandbox-command.js';
import {sandboxNetwork} from '../../lib/sandbox/network.js';

export default class SandboxNetworkCommand extends SandboxCommand {
  static override summary = 'Cut and restore the network between this device and the sandbox API.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> off',
    '<%= config.bin %> <%= command.id %> on',
  ];
  static override args = {
    state: Args.string({description: 'on or off; without it, tells which.', options: ['on', 'off']}),
  };

  protected async emulate(_run: Run, directory: string): Promise<Answer> {
    const {args} = await this.parse(SandboxNetworkCommand);
    const network = sandboxNetwork(directory);
    if (args.state !== undefined) network.set(args.state === 'on');
    const state = network.isUp() ? 'on' : 'off';
    return {result: {network: state}, text: () => `The sandbox network is ${state}.`};
  }
}
