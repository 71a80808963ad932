import {EVENT_VERSIONS, type EventBody, type JournalRecord} from '../core/events.js';
import type {DeviceKeys} from './keys.js';
import {Lines, privateDigest} from './line.js';
import type {Position, ScannedRecord} from './scan.js';

/** What a commit's records share. */
export interface CommitStamp {
  readonly at: string;
  readonly boot: string;
  readonly mono: number;
}

/** The record an event becomes when it is written next; without its private part. */
export function recordOf(event: EventBody, seq: number, commit: number, stamp: CommitStamp): JournalRecord {
  const {at, boot, mono} = stamp;
  const {type, data} = event;
  const v = EVENT_VERSIONS[type];
  const record =
    'payment' in event
      ? {v, seq, commit, at, boot, mono, type, payment: event.payment, data}
      : {v, seq, commit, at, boot, mono, type, data};
  return record as JournalRecord;
}

/** The bytes of one commit, and where its records and private parts will stand. */
export function encodeCommit(
  keys: DeviceKeys,
  from: Position,
  events: readonly EventBody[],
  records: readonly JournalRecord[],
): {readonly bytes: Buffer; readonly scanned: readonly ScannedRecord[]; readonly end: Position} {
  const {segment, offset} = from;
  const last = from.seq + events.length;
  const lines = new Lines(keys.mac, events.length);
  const stamp = stampText(records[0]);
  const scanned: ScannedRecord[] = [];
  let {mac, line_start} = from;
  records.forEach((record, index) => {
    const sealed = (events[index] as {private?: unknown}).private;
    const base64 =
      sealed === undefined ? null : Buffer.from(JSON.stringify(sealed), 'utf8').toString('base64');
    const digest = base64 === null ? null : privateDigest(keys.privateDigest, record.seq, base64);
    line_start = offset + lines.length;
    const line = lines.add(recordText(record, last, mac, stamp, digest), base64);
    mac = line.mac;
    const place =
      base64 === null || digest === null
        ? null
        : {start: offset + line.private, length: base64.length, digest};
    scanned.push({record, segment, line_start, private: place});
  });
  const end = {segment, line_start, offset: offset + lines.length, seq: last, mac};
  return {bytes: lines.bytes(), scanned, end};
}

/** What the records of a commit share, as text. */
function stampText(record: JournalRecord | undefined): string {
  if (record === undefined) return '';
  const {at, boot, mono} = record;
  return `"at":${JSON.stringify(at)},"boot":${JSON.stringify(boot)},"mono":${JSON.stringify(mono)}`;
}

/** The members in the order of the format, as `JSON.stringify` writes them. */
function recordText(
  record: JournalRecord,
  last: number,
  prev: string,
  stamp: string,
  digest: string | null,
): string {
  const {v, seq, commit, type} = record;
  const of = 'payment' in record ? `,"payment":${JSON.stringify(record.payment)}` : '';
  const data = JSON.stringify(record.data);
  const sealed = digest === null ? '' : `,"private_digest":"${digest}"`;
  return (
    `{"v":${v},"seq":${seq},"commit":${commit},"last":${last},"prev":"${prev}",${stamp},` +
    `"type":"${type}"${of},"data":${data}${sealed}}`
  );
}
