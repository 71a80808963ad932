import type {SettingChange} from '../core/examination.js';
import {packed} from './neo2-data.js';
import {COMMANDS, type Command} from './wire/commands.js';
import {writeTlv} from './wire/tlv.js';

/** The commands that make one setting, in order. */
export function settingCommands(
  change: SettingChange,
): readonly {readonly command: Command; readonly data: Buffer}[] {
  switch (change.setting) {
    case 'poll_mode':
      // Read a card only when told to.
      return [{command: COMMANDS.setPollMode, data: Buffer.from([0x01])}];
    case 'clock': {
      const {date, time} = clockSettings(change.now);
      // The time first: its minute has just begun then, so that no midnight comes between it and the date.
      return [
        {command: COMMANDS.setTime, data: time},
        {command: COMMANDS.setDate, data: date},
      ];
    }
    case 'masking':
      // Show six leading and four trailing digits, mask with `*` and C, show the expiry.
      return [
        {command: COMMANDS.setConfiguration, data: writeTlv('DFEE1D', Buffer.from('06042A0C31', 'hex'))},
      ];
    case 'first_response':
      // Say so as soon as a card is seen.
      return [{command: COMMANDS.setConfiguration, data: writeTlv('DFED59', Buffer.from([0x00]))}];
  }
}

/** Date and time as the reader's clock takes them, in UTC. */
function clockSettings(now: Date): {readonly date: Buffer; readonly time: Buffer} {
  return {
    date: Buffer.concat([
      packed(now.getUTCFullYear(), 4),
      packed(now.getUTCMonth() + 1, 2),
      packed(now.getUTCDate(), 2),
    ]),
    time: Buffer.concat([packed(now.getUTCHours(), 2), packed(now.getUTCMinutes(), 2)]),
  };
}
