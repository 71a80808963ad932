import type Stripe from 'stripe';
import type {JsonObject, RemoteTerminal} from '../core/ports.js';

export type Location = Stripe.Terminal.Location;
export type Configuration = Stripe.Terminal.Configuration;

/** The location in an answer; null when the answer is none (a deleted one among them). */
export function locationOf(body: JsonObject): Location | null {
  return isNamed(body, 'terminal.location') ? (body as JsonObject & Location) : null;
}

/** The terminal configuration in an answer; null when the answer is none. */
export function configurationOf(body: JsonObject): Configuration | null {
  return isNamed(body, 'terminal.configuration') ? (body as JsonObject & Configuration) : null;
}

/** The objects of one page, each read by `read`; null unless every one of them is understood. */
export function pageOf<T>(
  body: JsonObject,
  read: (item: JsonObject) => T | null,
): {items: T[]; has_more: boolean} | null {
  if (body.object !== 'list' || !Array.isArray(body.data) || typeof body.has_more !== 'boolean') return null;
  const items: T[] = [];
  for (const entry of body.data as readonly unknown[]) {
    const item = typeof entry === 'object' && entry !== null ? read(entry as JsonObject) : null;
    if (item === null) return null;
    items.push(item);
  }
  return {items, has_more: body.has_more};
}

/**
 * What holds at a location: its own configuration where that says something about offline, else the account's
 * default. Without either, offline is off.
 */
export function remoteTerminal(
  location: Location,
  own: Configuration | null,
  accountDefault: Configuration | null,
): RemoteTerminal {
  const decides = typeof own?.offline?.enabled === 'boolean' ? own : (accountDefault ?? own);
  return {
    location: {
      id: location.id,
      display_name: location.display_name,
      country: location.address?.country ?? null,
    },
    configuration: {
      id: decides?.id ?? '',
      offline_enabled: decides?.offline?.enabled === true,
      ...approvedFirmware(location),
    },
  };
}

/** Terminal configurations know no software of readers; a location's metadata can name it, separated by semicolons. */
const APPROVED_FIRMWARE = 'stowpay_approved_firmware';

function approvedFirmware({metadata}: Location): Pick<RemoteTerminal['configuration'], 'approved_firmware'> {
  const text: unknown = metadata?.[APPROVED_FIRMWARE];
  if (typeof text !== 'string') return {};
  const versions = text
    .split(';')
    .map((version) => version.trim())
    .filter((version) => version !== '');
  return versions.length === 0 ? {} : {approved_firmware: versions};
}

function isNamed(body: JsonObject, object: string): boolean {
  return body.object === object && typeof body.id === 'string' && body.id !== '' && body.deleted !== true;
}
