import type {JournalCare} from '../core/ports.js';
import {openJournalCare} from '../index.js';
import {type Answer, PrintingCommand, setting} from './base-command.js';
import {listenForSignals} from './interruption.js';

/** Looks after the journal itself: works also where it cannot be opened, so no profile and no API is asked for. */
export abstract class JournalCommand extends PrintingCommand {
  protected abstract attend(care: JournalCare): Promise<Answer>;

  override async run(): Promise<void> {
    const interruption = listenForSignals();
    try {
      const {flags} = await this.parse(this.ctor as typeof JournalCommand);
      this.print(
        await this.attend(await openJournalCare({dataDirectory: setting(flags['data-dir'], '--data-dir')})),
      );
    } finally {
      interruption.stop();
    }
  }
}
