import {StowpayError} from '../../core/errors.js';
import {type CableEnd, memoryCable} from './cable.js';
import {directoryWorld} from './directory-world.js';
import {attachEmulator, type EmulatorOptions} from './emulator.js';
import type {EmulatorWorld} from './world.js';

/**
 * The emulated reader of a directory, in this process, as the line to it. Closing the line frees the directory.
 * Throws `reader_busy` while another process has it, `reader_not_found` while its cable is pulled.
 */
export function simLine(dir: string, options: EmulatorOptions = {}): CableEnd {
  const world = directoryWorld(dir);
  refuseUnplugged(world);
  const [host, reader] = memoryCable();
  const leave = (): void => {
    emulator.detach();
    world.close();
  };
  const emulator = attachEmulator(reader, world, {
    ...options,
    pull: () => {
      leave();
      void reader.close();
    },
  });
  reader.onClose(leave);
  return host;
}

function refuseUnplugged(world: EmulatorWorld): void {
  if (world.memory.load().unplugged_until <= Date.now()) return;
  world.close();
  throw new StowpayError('reader_not_found', 'The emulated reader is not there: its cable is pulled.', {
    hint: 'The scenario plugs it in again; wait, or end it with stowpay sandbox scenario --stop.',
  });
}
