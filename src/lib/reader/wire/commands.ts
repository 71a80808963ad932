/** One command of the protocol. */
export interface Command {
  /** For error messages: what the reader was asked to do. */
  readonly name: string;
  readonly command: number;
  readonly sub: number;
  /** Milliseconds the reader may take. A card read adds its own. */
  readonly timeout_ms: number;
}

/** Everything stowpay ever sends. 0B-xx and 2C-xx answer in another form and are not used. */
export const COMMANDS = {
  ping: {name: 'ping', command: 0x18, sub: 0x01, timeout_ms: 2000},
  firmware: {name: 'get firmware version', command: 0x29, sub: 0x00, timeout_ms: 5000},
  processor: {name: 'get processor version', command: 0x09, sub: 0x02, timeout_ms: 2000},
  mainFirmware: {name: 'get main firmware version', command: 0x09, sub: 0x03, timeout_ms: 2000},
  serialNumber: {name: 'get serial number', command: 0x12, sub: 0x01, timeout_ms: 2000},
  keyState: {name: 'get key state', command: 0x81, sub: 0x0b, timeout_ms: 2000},
  encryptionState: {name: 'get encryption state', command: 0xc7, sub: 0x37, timeout_ms: 2000},
  setPollMode: {name: 'set poll mode', command: 0x01, sub: 0x01, timeout_ms: 2000},
  setTime: {name: 'set time', command: 0x25, sub: 0x01, timeout_ms: 2000},
  getTime: {name: 'get time', command: 0x25, sub: 0x02, timeout_ms: 2000},
  setDate: {name: 'set date', command: 0x25, sub: 0x03, timeout_ms: 2000},
  getDate: {name: 'get date', command: 0x25, sub: 0x04, timeout_ms: 2000},
  setConfiguration: {name: 'set configuration', command: 0x04, sub: 0x00, timeout_ms: 2000},
  getConfiguration: {name: 'get configuration', command: 0x03, sub: 0x02, timeout_ms: 2000},
  activate: {name: 'activate transaction', command: 0x02, sub: 0x40, timeout_ms: 0},
  startContact: {name: 'start contact card', command: 0x60, sub: 0x10, timeout_ms: 0},
  authenticateContact: {name: 'authenticate contact card', command: 0x60, sub: 0x11, timeout_ms: 0},
  completeContact: {name: 'apply host answer to contact card', command: 0x60, sub: 0x12, timeout_ms: 5000},
  cancel: {name: 'cancel', command: 0x05, sub: 0x01, timeout_ms: 5000},
  showResult: {name: 'show result', command: 0x03, sub: 0x03, timeout_ms: 2000},
} as const satisfies Record<string, Command>;

/** The command byte of the frame a reader sends unasked when it has started. */
export const BOOT = 0x14;
