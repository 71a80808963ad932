import {join} from 'node:path';
import type {Device, NetworkState, NetworkStatus} from '../core/ports.js';
import {openJsonFile} from '../storage/json-file.js';
import type {Storage} from '../storage/storage.js';

interface DeviceFile {
  version: 1;
  network: NetworkState;
}

const EMPTY: DeviceFile = {version: 1, network: {status: 'unknown', since: null}};

/** `device.json`: a cache that may be lost. What money depends on is in the journal. */
export class FileDevice implements Device {
  readonly #storage: Storage;
  readonly #path: string;

  constructor(storage: Storage, directory: string) {
    this.#storage = storage;
    this.#path = join(directory, 'device.json');
  }

  network(): NetworkState {
    return this.#read().data.network ?? EMPTY.network;
  }

  setNetwork(status: NetworkStatus, at: string): void {
    try {
      const file = this.#read();
      if (file.data.network?.status === status) return;
      file.data = {version: 1, network: {status, since: at}};
      file.write();
    } catch {
      // Only a cache: a full or read-only disk must not fail a payment here. The journal will say so itself.
    }
  }

  #read(): ReturnType<typeof openJsonFile<DeviceFile>> {
    return openJsonFile<DeviceFile>(
      this.#storage,
      this.#path,
      structuredClone(EMPTY),
      `${this.#path}.${process.pid}.new`,
    );
  }
}
