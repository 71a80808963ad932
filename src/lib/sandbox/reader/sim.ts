import {type CableEnd, memoryCable} from './cable.js';
import {directoryWorld} from './directory-world.js';
import {attachEmulator, type EmulatorOptions} from './emulator.js';

/**
 * The emulated reader of a directory, in this process, as the line to it. Closing the line frees the directory.
 * Throws `reader_busy` while another process has it.
 */
export function simLine(dir: string, options: EmulatorOptions = {}): CableEnd {
  const world = directoryWorld(dir);
  const [host, reader] = memoryCable();
  const emulator = attachEmulator(reader, world, options);
  reader.onClose(() => {
    emulator.detach();
    world.close();
  });
  return host;
}
