import {EVENT_VERSIONS, type EventBody, type JournalRecord} from '../core/events.js';
import type {DeviceKeys} from './keys.js';
import {encodeLine, privateDigest} from './line.js';
import type {Position, ScannedRecord} from './scan.js';

/** What a commit's records share. */
export interface CommitStamp {
  readonly at: string;
  readonly boot: string;
  readonly mono: number;
}

/** The record an event becomes when it is written next; without its private part. */
export function recordOf(event: EventBody, seq: number, commit: number, stamp: CommitStamp): JournalRecord {
  const {private: _, ...body} = event as EventBody & {private?: unknown};
  return {v: EVENT_VERSIONS[event.type], seq, commit, ...stamp, ...body} as JournalRecord;
}

/** The bytes of one commit, and where its records and private parts will stand. */
export function encodeCommit(
  keys: DeviceKeys,
  from: Position,
  events: readonly EventBody[],
  records: readonly JournalRecord[],
): {readonly bytes: Buffer; readonly scanned: readonly ScannedRecord[]; readonly end: Position} {
  const last = from.seq + events.length;
  const lines: Buffer[] = [];
  const scanned: ScannedRecord[] = [];
  let end = from;
  records.forEach((record, index) => {
    const sealed = (events[index] as {private?: unknown}).private;
    const base64 =
      sealed === undefined ? null : Buffer.from(JSON.stringify(sealed), 'utf8').toString('base64');
    const digest = base64 === null ? null : privateDigest(keys.privateDigest, record.seq, base64);
    const line = encodeLine(keys.mac, recordText(record, last, end.mac, digest), base64);
    const place =
      base64 === null || digest === null
        ? null
        : {start: end.offset + line.bytes.indexOf('"private":"') + 11, length: base64.length, digest};
    scanned.push({record, segment: end.segment, line_start: end.offset, private: place});
    lines.push(line.bytes);
    end = {
      segment: end.segment,
      line_start: end.offset,
      offset: end.offset + line.bytes.length,
      seq: record.seq,
      mac: line.mac,
    };
  });
  return {bytes: Buffer.concat(lines), scanned, end};
}

/** The members in the order of the format. */
function recordText(record: JournalRecord, last: number, prev: string, digest: string | null): string {
  const {v, seq, commit, at, boot, mono, type, data} = record;
  const of = 'payment' in record ? {payment: record.payment} : {};
  const sealed = digest === null ? {} : {private_digest: digest};
  return JSON.stringify({v, seq, commit, last, prev, at, boot, mono, type, ...of, data, ...sealed});
}
