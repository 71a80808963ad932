// Other ways to keep the same records on a disk with Node. Each is opened as its documentation says for data that
// must last, fed one record after the other, and believed when it says that a record is kept.
import {createHmac, randomBytes} from 'node:crypto';
import {closeSync, fdatasyncSync, fsyncSync, openSync, renameSync, writeFileSync, writeSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {paymentId} from './records.mjs';

/** A record of the size the journal writes, under a key of its own. */
function recordMaker(lines) {
  const templates = lines.map((line) => JSON.parse(line));
  return (n) => {
    const {rec, ...seals} = templates[n % templates.length];
    const payment = paymentId(n);
    return [payment, {...seals, rec: {...rec, payment}}];
  };
}

/** A history is one document a payment, the larger of the two records. */
function historyOf(record, payments) {
  return Array.from({length: payments}, (_, number) => record(number * 2 + 1));
}

/**
 * No store: what is left when everything but the promise is. The same bytes as JSON, each line with a MAC over itself
 * and the one before it, one write and one sync for all who wait. No lock, no state, nothing could be found again.
 */
async function openBare(directory, _history, record) {
  const file = openSync(join(directory, 'records.jsonl'), 'a');
  const key = randomBytes(32);
  let waiting = [];
  let mac = '';
  const write = () => {
    const all = waiting;
    waiting = [];
    let lines = '';
    for (const {entry} of all) {
      const body = JSON.stringify(entry);
      mac = createHmac('sha256', key).update(mac).update(body).digest('base64url');
      lines += `{"mac":"${mac}","body":${body}}\n`;
    }
    writeSync(file, lines);
    fdatasyncSync(file);
    for (const {resolve} of all) resolve();
  };
  return {
    append: (n) =>
      new Promise((resolve) => {
        if (waiting.push({entry: record(n), resolve}) === 1) queueMicrotask(write);
      }),
    close: () => closeSync(file),
  };
}

async function openSqlite(directory, history, record) {
  const {default: Database} = await import('better-sqlite3');
  const database = new Database(join(directory, 'payments.sqlite'));
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec('CREATE TABLE records (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID');
  const insert = database.prepare('INSERT INTO records (id, body) VALUES (?, ?)');
  const put = ([id, body]) => insert.run(id, JSON.stringify(body));
  database.transaction(() => historyOf(record, history).forEach(put))();
  return {append: (n) => put(record(n)), close: () => database.close()};
}

async function openLevel(directory, history, record) {
  const {Level} = await import('level');
  const database = new Level(join(directory, 'level'), {valueEncoding: 'json'});
  await database.open();
  const puts = historyOf(record, history).map(([key, value]) => ({type: 'put', key, value}));
  for (let from = 0; from < puts.length; from += 1000) {
    await database.batch(puts.slice(from, from + 1000), {sync: true});
  }
  return {
    append: (n) => database.put(...record(n), {sync: true}),
    close: () => database.close(),
  };
}

/** Its `set` answers at once and nothing tells when the record is on the disk, so its writer is listened to. */
async function openJsonlDb(directory, history, record) {
  const {JsonlDB} = await import('@alcalzone/jsonl-db');
  const database = new JsonlDB(join(directory, 'payments.jsonl'));
  await database.open();
  let waiting = [];
  const write = database.writeJournalToFile;
  if (typeof write !== 'function') throw new Error('its writer has another name in this version');
  database.writeJournalToFile = async (...words) => {
    const told = waiting.splice(0);
    const file = await write.apply(database, words);
    for (const resolve of told) resolve();
    return file;
  };
  const set = ([key, value]) =>
    new Promise((resolve) => {
      waiting.push(resolve);
      database.set(key, value);
    });
  waiting = [];
  await Promise.all(historyOf(record, history).map(set));
  return {append: (n) => set(record(n)), close: () => database.close()};
}

async function openLowdb(directory, history, record, adapterOf) {
  const {Low} = await import('lowdb');
  const adapter = await adapterOf(join(directory, 'payments.json'));
  const database = new Low(adapter, {payments: {}});
  await database.read();
  for (const [id, body] of historyOf(record, history)) database.data.payments[id] = body;
  await database.write();
  return {
    append(n) {
      const [id, body] = record(n);
      database.data.payments[id] = body;
      return database.write();
    },
    close() {},
  };
}

const jsonFile = async (path) => new (await import('lowdb/node')).JSONFile(path);

/** What lowdb needs to survive a power cut. */
const durableFile = async (path) => ({
  read: async () => null,
  async write(data) {
    const temporary = `${path}.new`;
    const file = openSync(temporary, 'w');
    writeFileSync(file, JSON.stringify(data));
    fsyncSync(file);
    closeSync(file);
    renameSync(temporary, path);
    const folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
    closeSync(folder);
  },
});

async function openNedb(directory, history, record) {
  const {default: Datastore} = await import('@seald-io/nedb');
  const database = new Datastore({filename: join(directory, 'payments.nedb')});
  await database.loadDatabaseAsync();
  const documentOf = ([_id, body]) => ({_id, ...body});
  if (history > 0) await database.insertAsync(historyOf(record, history).map(documentOf));
  return {append: (n) => database.insertAsync(documentOf(record(n))), close() {}};
}

const OPENERS = {
  'bare Node': openBare,
  'better-sqlite3': openSqlite,
  level: openLevel,
  'jsonl-db': openJsonlDb,
  lowdb: (directory, history, record) => openLowdb(directory, history, record, jsonFile),
  'lowdb-durable': (directory, history, record) => openLowdb(directory, history, record, durableFile),
  nedb: openNedb,
};

/** Opens a peer with so many payments in it. Its own close of a measurement needs no settling. */
export async function openPeer(name, directory, history, lines) {
  const record = recordMaker(lines);
  const store = await OPENERS[name](directory, history, record);
  let next = history * 2;
  return {
    append() {
      next += 1;
      return store.append(next);
    },
    async settle() {},
    close: () => store.close(),
  };
}
