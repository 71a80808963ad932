import type {CardholderVerificationMethod, ReadMethod} from '../../core/card.js';
import type {TagList} from './tag-list.js';

/**
 * How the cardholder was verified: from the CVM results (9F34); where the kernel gives none, from Visa's card
 * transaction qualifiers (9F6C) or the outcome of Mastercard's kernel (DF8129). Null when nothing tells.
 */
export function verificationMethod(
  tags: TagList,
  readMethod: ReadMethod,
): CardholderVerificationMethod | null {
  const results = tags.first('9F34');
  // All zero is what a kernel sends that never came to verifying.
  if (results !== null && results.length === 3 && !results.equals(Buffer.alloc(3)))
    return fromResults(results, readMethod);
  const qualifiers = tags.first('9F6C');
  if (qualifiers !== null && qualifiers.length === 2) return fromQualifiers(qualifiers);
  const outcome = tags.first('DF8129');
  return outcome !== null && outcome.length === 8 ? fromOutcome(outcome) : null;
}

const FAILED = 0x01;

function fromResults(results: Buffer, readMethod: ReadMethod): CardholderVerificationMethod | null {
  const method = (results[0] as number) & 0x3f;
  if (results[2] === FAILED) return 'failure';
  switch (method) {
    case 0x00:
      return 'failure';
    case 0x01:
    case 0x04:
      // Nobody enters a PIN into a card held in the air: over the air this is the phone's own check.
      return readMethod === 'contactless_emv' ? 'approval' : 'offline_pin';
    case 0x02:
      return 'online_pin';
    case 0x03:
    case 0x05:
      return 'offline_pin_and_signature';
    case 0x1e:
      return 'signature';
    case 0x1f:
    case 0x3f:
      return 'none';
    default:
      return null;
  }
}

function fromQualifiers(qualifiers: Buffer): CardholderVerificationMethod {
  const [first = 0, second = 0] = qualifiers;
  if ((second & 0x80) !== 0) return 'approval';
  if ((first & 0x80) !== 0) return 'online_pin';
  return (first & 0x40) !== 0 ? 'signature' : 'none';
}

function fromOutcome(outcome: Buffer): CardholderVerificationMethod | null {
  switch (outcome[3]) {
    case 0x00:
      return 'none';
    case 0x10:
      return 'signature';
    case 0x20:
      return 'online_pin';
    case 0x30:
      return 'approval';
    default:
      return null;
  }
}
