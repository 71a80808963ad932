import type {CardholderVerificationMethod, ReadMethod} from '../../core/card.js';
import type {TagList} from './tag-list.js';

/**
 * How the cardholder was verified: from the CVM results (9F34); where the kernel gives none, from Visa's card
 * transaction qualifiers (9F6C) or the outcome of Mastercard's kernel (DF8129). Null when nothing tells.
 * 9F6E names the kind of device that was tapped, not whether its holder was verified: nothing is concluded from it.
 */
export function verificationMethod(
  tags: TagList,
  readMethod: ReadMethod,
): CardholderVerificationMethod | null {
  const results = plainValues(tags, '9F34', 3)
    // All zero is what a kernel sends that never came to verifying.
    .filter((value) => !value.equals(Buffer.alloc(3)))
    .map((value) => fromResults(value, readMethod));
  if (results.length > 0) return mostCareful(results);
  const qualifiers = plainValues(tags, '9F6C', 2).map(fromQualifiers);
  if (qualifiers.length > 0) return mostCareful(qualifiers);
  return mostCareful(plainValues(tags, 'DF8129', 8).map(fromOutcome));
}

/** Of values that contradict each other the one that is refused offline. */
function mostCareful(
  methods: readonly (CardholderVerificationMethod | null)[],
): CardholderVerificationMethod | null {
  const refused =
    methods.find((method) => method === 'online_pin') ?? methods.find((method) => method === 'failure');
  return refused ?? methods[0] ?? null;
}

function plainValues(tags: TagList, tag: string, size: number): Buffer[] {
  return tags.all(tag).flatMap(({form, value}) => (form === 'plain' && value.length === size ? [value] : []));
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
