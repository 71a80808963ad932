/** One open file with positioned, synchronous access. Every method throws the system's error (`code`: ENOSPC, EIO …). */
export interface StorageFile {
  readonly path: string;
  size(): number;
  /** Up to `length` bytes at `offset`; fewer at the end of the file. */
  read(offset: number, length: number): Buffer;
  /** All bytes or an error; after an error any part of them may stand in the file. */
  write(offset: number, bytes: Uint8Array): void;
  /** Afterwards everything written to this file survives a power cut (fdatasync). */
  sync(): void;
  truncate(size: number): void;
  close(): void;
}

/**
 * The file operations that survive is built from. Narrow, so that a fault-injecting implementation can stand in
 * and every legal state after a crash can be enumerated.
 */
export interface Storage {
  /** Names in a directory, sorted; null when there is no such directory. */
  list(directory: string): readonly string[] | null;
  makeDirectory(directory: string): void;
  /** Opens for reading and writing. Creates nothing. */
  open(path: string): StorageFile;
  /** Creates exclusively (mode 0600) and opens; not yet durable. */
  create(path: string): StorageFile;
  /** Whole content; null when there is no such file. */
  readFile(path: string): Buffer | null;
  /** Afterwards names created, renamed or removed in the directory survive a power cut. */
  syncDirectory(directory: string): void;
  rename(from: string, to: string): void;
}
