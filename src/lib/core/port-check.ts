import {type Check, fail, ok, unknown, warn} from './check.js';
import type {StowpayError} from './errors.js';
import type {PortFacts, PortHolder} from './ports.js';

/** Whether the port is there, may be opened, and is this program's alone. `refused` is what opening it ended with. */
export function judgePort(address: string, facts: PortFacts, refused: StowpayError | null): Check {
  const details = {address, ...facts};
  if (refused?.code === 'reader_busy') return busy(address, facts, refused);
  if (refused !== null && !isBehindThePort(refused)) {
    return fail('reader.port', `${refused.message}${owned(facts)}`, {
      means: NOTHING_SOLD,
      fix: refused.hint ?? 'Check the cable, the power and the address of the reader.',
      code: refused.code,
      details,
    });
  }
  const others = holdersOf(facts);
  if (others.length > 0) {
    return warn('reader.port', `${address} is also open in ${holdersText(others)}`, {
      means:
        'Two programs read from one line: each takes bytes away from the other, so sales fail now and then.',
      fix: 'Stop the other program.',
      code: 'reader_busy',
      details,
    });
  }
  return ok('reader.port', `${address} opens${describe(facts)}`, {details});
}

export const NOTHING_SOLD =
  'No card can be read: nothing is sold until this is mended. What is stored is safe.';

/** The port opened; what is behind it did not answer. */
export function isBehindThePort({code}: StowpayError): boolean {
  return code === 'reader_not_answering' || code === 'reader_lost' || code === 'reader_fault';
}

function busy(address: string, facts: PortFacts, refused: StowpayError): Check {
  const others = holdersOf(facts);
  const locking = others.filter(({locks}) => locks);
  const who = others.length === 0 ? 'another process' : holdersText(locking.length > 0 ? locking : others);
  return unknown('reader.port', `The reader at ${address} is busy: ${who} is using it`, {
    means: 'It was left alone: any command would end a card read that is under way. Nothing is wrong so far.',
    fix: refused.hint ?? 'Run stowpay doctor again when it is done.',
    code: 'reader_busy',
    details: {address, ...facts},
  });
}

function holdersOf(facts: PortFacts): readonly PortHolder[] {
  return facts.kind === 'serial' ? (facts.holders ?? []) : [];
}

function owned(facts: PortFacts): string {
  if (facts.kind !== 'serial' || facts.target === null) return '';
  if (!facts.is_device) return ' What is there is a file, not a port.';
  if (facts.may_open) return '';
  return ` It belongs to ${facts.owner}, mode ${facts.mode}.`;
}

function describe(facts: PortFacts): string {
  if (facts.kind !== 'serial' || facts.target === null) return '';
  const target = facts.target === facts.path ? '' : `${facts.target}, `;
  return ` (${target}${facts.owner}, mode ${facts.mode})`;
}

function holdersText(holders: readonly PortHolder[]): string {
  return holders.map(({pid, name}) => `${name === '' ? 'a process' : name} (pid ${pid})`).join(', ');
}
