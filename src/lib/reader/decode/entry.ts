import type {ReadMethod} from '../../core/card.js';
import type {TagList} from './tag-list.js';

const SWIPE_BLOCK = 'DFEE23';

/** True when anything in the answer names a magnetic stripe, whatever else it names: stripes are easily forged. */
export function isStripe(tags: TagList, attribution: number | null): boolean {
  return stripeMethod(tags, attribution) !== null;
}

/**
 * How the card was read: as a stripe, if anything says so; else by the POS entry mode (9F39), else by the attribution
 * byte. Null where none of them says anything known.
 */
export function readMethod(tags: TagList, attribution: number | null): ReadMethod | null {
  const stripe = stripeMethod(tags, attribution);
  if (stripe !== null) return stripe;
  const modes = entryModes(tags);
  if (modes.length === 0) return attribution === null ? null : bySource(attribution);
  return modes.every((mode) => mode === modes[0]) ? (modes[0] ?? null) : null;
}

function stripeMethod(tags: TagList, attribution: number | null): ReadMethod | null {
  for (const mode of entryModes(tags)) if (isStripeMethod(mode)) return mode;
  const source = attribution === null ? null : bySource(attribution);
  if (isStripeMethod(source)) return source;
  return tags.has(SWIPE_BLOCK) ? 'magnetic_stripe_track2' : null;
}

function isStripeMethod(method: ReadMethod | null): boolean {
  return method !== null && !CHIP_METHODS.includes(method);
}

const CHIP_METHODS: readonly ReadMethod[] = ['contact_emv', 'contactless_emv'];

/** What the entry modes say that were set; null for a value nobody named. */
function entryModes(tags: TagList): readonly (ReadMethod | null)[] {
  const modes: (ReadMethod | null)[] = [];
  for (const {form, value} of tags.all('9F39')) {
    if (value[0] === NOT_SAID) continue;
    modes.push(form === 'plain' && value.length === 1 ? byMode(value[0] as number) : null);
  }
  return modes;
}

/** The value of an entry mode that was not set. */
const NOT_SAID = 0x00;

function byMode(mode: number): ReadMethod | null {
  switch (mode) {
    case 0x05:
      return 'contact_emv';
    case 0x07:
      return 'contactless_emv';
    case 0x80:
      return 'magnetic_stripe_fallback';
    case 0x02:
    case 0x90:
      return 'magnetic_stripe_track2';
    case 0x91:
      return 'contactless_magstripe_mode';
    default:
      return null;
  }
}

/** Bits 4, 3 and 0 of the attribution byte name the source. */
function bySource(attribution: number): ReadMethod | null {
  if ((attribution & 0x08) !== 0) return 'magnetic_stripe_track2';
  const overTheAir = (attribution & 0x01) !== 0;
  const stripe = (attribution & 0x10) !== 0;
  if (stripe) return overTheAir ? 'contactless_magstripe_mode' : null;
  return overTheAir ? 'contactless_emv' : 'contact_emv';
}
