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
  /** False when the path names another file by now (or none): what is written here, nobody would find. */
  isCurrent(): boolean;
  close(): void;
}

/**
 * A lock file: byte ranges held through the kernel, and a few bytes of content beside them. Held by this
 * descriptor; freed when it is closed or its process dies. Never unlinked or replaced while its directory lives.
 */
export interface LockFile {
  readonly path: string;
  /** The disk is read-only: it can be read, not locked. Nobody else can lock it or write there either. */
  readonly readOnly?: boolean;
  /** Tries once. Length 0 means to the end of the file. */
  tryLock(offset: number, length: number): boolean;
  unlock(offset: number, length: number): void;
  read(offset: number, length: number): Buffer;
  /** Not synced. */
  write(offset: number, bytes: Uint8Array): void;
  /** False when the path names another file by now (or none): a lock held here guards nothing. */
  isCurrent(): boolean;
  /** Releases every lock held through it. */
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
  /** Opens for reading and writing, or only for reading, as a read-only disk allows it too. Creates nothing. */
  open(path: string, mode?: 'read'): StorageFile;
  /** Creates exclusively (mode 0600) and opens; not yet durable. */
  create(path: string): StorageFile;
  /** Opens a lock file, creating it (mode 0600) where there is none. Locks nothing yet. */
  openLock(path: string): LockFile;
  /** True when something of this name is there. */
  has(path: string): boolean;
  /** The size of a file; null when there is none of this name. */
  sizeOf(path: string): number | null;
  /**
   * Another one as soon as a name in the directory has come, gone, or come to mean another file; so while it is the
   * same, every name means what it meant. Null while that cannot be told, as just after such a change.
   */
  namesOf(directory: string): string | null;
  /** Whole content; null when there is no such file. */
  readFile(path: string): Buffer | null;
  /** Afterwards names created, renamed or removed in the directory survive a power cut. */
  syncDirectory(directory: string): void;
  rename(from: string, to: string): void;
  /** Removes a file of a cache, or an empty one; nothing if there is none. What a journal consists of is never removed. */
  remove(path: string): void;
}
