import {EVENT_VERSIONS, type JournalRecord} from '../core/events.js';
import {macOf, sliceLine} from './line.js';
import type {RawLine} from './lines.js';

/** The members of `rec` that order and chain the journal. */
export interface Chained {
  readonly seq: number;
  readonly commit: number;
  readonly last: number;
  readonly prev: string;
  readonly private_digest?: string;
}

/** A line that stands on its own. */
export interface GoodLine {
  readonly ok: true;
  readonly record: JournalRecord & Chained;
  readonly mac: string;
  /** The bytes of `rec`, as text. */
  readonly text: string;
  /** Its private part: absolute byte, and the base64 as it stands now. */
  readonly private: {readonly start: number; readonly base64: string} | null;
  /** Set when a newer program wrote it. */
  readonly unknown: string | null;
}

/** A line that does not, with what its bytes still tell. None of that is proved. */
export interface BadLine {
  readonly ok: false;
  /** It may come of a power cut: it has no end, or NUL bytes stand in it. */
  readonly torn: boolean;
  readonly reason: string;
  /** It has the form of a journal line: another key may have written it. */
  readonly formed: boolean;
  /** More than one where the newline between two is gone. */
  readonly told: readonly Told[];
}

/** What damaged bytes seem to say. */
export interface Told {
  readonly seq: number | null;
  readonly type: string | null;
  readonly payment: string | null;
  readonly device: string | null;
}

/** Everything that orders the journal stands at the beginning of `rec`, in this order. */
export const HEAD = /^\{"v":\d+,"seq":\d+,"commit":\d+,"last":\d+,"prev":"[^"]*",/;

/**
 * Verifies a line alone, its place aside.
 * @param key null: by its form only, where the key is lost. That proves nothing.
 */
export function readLine(key: Buffer | null, line: RawLine): GoodLine | BadLine {
  const slices = line.length === line.bytes.length ? sliceLine(line.bytes) : null;
  if (!line.terminated) return bad(line, 'the file ends inside a line', slices !== null);
  if (slices === null) return bad(line, 'not a journal line', false);
  if (key !== null && macOf(key, slices.rec) !== slices.mac) return bad(line, 'the MAC does not match', true);
  const text = slices.rec.toString('utf8');
  const record = key === null ? formedRecord(text, slices.mac) : parsed(text);
  if (record === null) return bad(line, 'not a record', false);
  const {start, length} = slices.private ?? {start: 0, length: 0};
  const base64 = line.bytes.toString('latin1', start, start + length);
  return {
    ok: true,
    record,
    mac: slices.mac,
    text,
    private: slices.private === null ? null : {start: line.start + start, base64},
    unknown: unknownTo(record),
  };
}

function parsed(text: string): (JournalRecord & Chained) | null {
  if (!HEAD.test(text)) return null;
  try {
    return JSON.parse(text) as JournalRecord & Chained;
  } catch {
    return null;
  }
}

/** Nothing is proved of it, so it must at least be of the form this program writes, and known to it. */
function formedRecord(text: string, mac: string): (JournalRecord & Chained) | null {
  const record = parsed(text);
  if (record === null || !/^[\w-]{43}$/.test(mac)) return null;
  const whole =
    typeof record.data === 'object' &&
    record.data !== null &&
    unknownTo(record) === null &&
    !Number.isNaN(Date.parse(record.at)) &&
    record.commit <= record.seq &&
    record.seq <= record.last &&
    record.type.startsWith('payment.') === 'payment' in record;
  return whole ? record : null;
}

/** Why this program cannot read a record: a newer one wrote it. Null when it can. */
export function unknownTo(record: JournalRecord): string | null {
  if (record.v <= (EVENT_VERSIONS[record.type] ?? 0)) return null;
  return `record type ${record.type} version ${record.v} is not known here`;
}

/** How much of a bad line is searched for what it tells. */
const SEARCHED = 64 * 1024;

function bad({bytes, terminated}: RawLine, reason: string, formed: boolean): BadLine {
  const records = bytes.toString('latin1', 0, SEARCHED).split(/(?<=.)(?=\{"mac":")/s);
  return {ok: false, torn: !terminated || bytes.includes(0), reason, formed, told: records.map(toldBy)};
}

function toldBy(text: string): Told {
  const seq = /"seq":(\d{1,15}),/.exec(text)?.[1];
  return {
    seq: seq === undefined ? null : Number(seq),
    type: /"type":"([a-z_]+\.[a-z_]+)"/.exec(text)?.[1] ?? null,
    payment: /"payment":"([A-Za-z0-9_]{1,64})"/.exec(text)?.[1] ?? null,
    device: /"device":"(dev_[0-9a-z]{1,64})"/.exec(text)?.[1] ?? null,
  };
}
