import {type Command, Help} from '@oclif/core';
import {EXIT_CODES} from '../core/exit-codes.js';

/** oclif's help, and the exit codes under every command: the one table that docs, tests and code read too. */
export default class StowpayHelp extends Help {
  override async showCommandHelp(command: Command.Loadable): Promise<void> {
    await super.showCommandHelp(command);
    this.log(this.section('EXIT CODES', exitCodeTable()));
  }
}

function exitCodeTable(): string {
  return Object.values(EXIT_CODES)
    .map(({code, meaning}) => `${String(code).padStart(3)}  ${meaning}`)
    .join('\n');
}
