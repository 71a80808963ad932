import {existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {crc32} from 'node:zlib';
import {expect} from 'chai';
import fc from 'fast-check';
import type {EventBody} from '../../../src/lib/core/events.js';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {type TestClock, testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {createdEvent, declinedEvent, PRIVATE, storedEvent} from '../../support/events.js';

interface World {
  readonly directory: string;
  readonly clock: TestClock;
  open(options?: {segmentBytes?: number}): FileJournal;
  segment(): string;
}

async function world(): Promise<World> {
  const directory = temporaryDirectory();
  const clock = testClock();
  await initialiseJournal(disk, directory, clock, 'machine');
  return {
    directory,
    clock,
    open: (options = {}) => new FileJournal({storage: disk, directory, clock, lockWaitMs: 500, ...options}),
    segment: () => {
      const names = readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.jsonl'));
      return join(directory, 'journal', names.sort().at(-1) ?? '');
    },
  };
}

function write(journal: FileJournal, ...events: EventBody[]): Promise<unknown> {
  return journal.transact(() => ({events, result: null}));
}

async function ids(journal: FileJournal): Promise<string[]> {
  return [...(await journal.view()).state.payments.keys()];
}

describe('journal', () => {
  it('keeps what it acknowledged across processes', async () => {
    const {open} = await world();
    const first = open();
    await write(first, createdEvent('pay_A'), storedEvent('pay_A'));
    first.close();
    const second = open();
    const {state, health} = await second.view();
    expect(health).to.include({ok: true, seq: 3});
    expect(state.payments.get('pay_A')).to.include({state: 'accepted_offline', amount: 1250, seq: 2});
    expect(await second.privateData('pay_A')).to.deep.equal(PRIVATE);
    second.close();
  });

  it('writes lines in the documented order of members', async () => {
    const {open, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'), storedEvent('pay_A'));
    journal.close();
    const line = readFileSync(segment(), 'utf8').split('\n')[2] ?? '';
    expect(line).to.match(
      /^\{"mac":"[\w-]{43}","private":"[A-Za-z0-9+/=]+","rec":\{"v":1,"seq":3,"commit":2,"last":3,"prev":"/,
    );
    expect(Object.keys(JSON.parse(line).rec).join(' ')).to.equal(
      'v seq commit last prev at boot mono type payment data private_digest',
    );
  });

  it('refuses to open where nothing was initialised', () => {
    const directory = temporaryDirectory();
    expect(() => new FileJournal({storage: disk, directory, clock: testClock()})).to.throw(
      /no stowpay journal/,
    );
    expect(existsSync(join(directory, 'journal'))).to.equal(false);
  });

  it('shares one commit and one sync between everybody who waits', async () => {
    const {open} = await world();
    const journal = open();
    const done = await Promise.all(
      Array.from({length: 20}, (_, n) =>
        journal.transact(() => ({events: [createdEvent(`pay_${n}`)], result: n})),
      ),
    );
    expect(new Set(done.map(({records}) => records[0]?.commit)).size).to.be.lessThan(3);
    expect(done.map(({result}) => result)).to.deep.equal(Array.from({length: 20}, (_, n) => n));
    journal.close();
  });

  it('shares a commit between acts on several payments whose answers come one right after the other', async () => {
    const {open} = await world();
    const journal = open();
    const commits: Promise<unknown>[] = [];
    const answers = (): Promise<void> =>
      new Promise((resolve) => {
        for (let n = 0; n < 4; n += 1) {
          setImmediate(() => {
            const events = [createdEvent(`pay_${commits.length}`)];
            const written = journal.transact(() => ({events, result: null}));
            commits.push(written.then(({records}) => records[0]?.commit));
            if (n === 3) resolve();
          });
        }
      });
    const claims = [await journal.claim(1), await journal.claim(2)];
    await answers();
    expect(new Set(await Promise.all(commits)).size).to.equal(1);
    for (const claim of claims) claim?.release();
    await answers();
    expect(new Set(await Promise.all(commits)).size).to.be.greaterThan(2);
    journal.close();
  });

  it('lets two handles write in turn and see each other', async () => {
    const {open} = await world();
    const [a, b] = [open(), open()];
    for (let n = 0; n < 10; n += 1) await write(n % 2 === 0 ? a : b, createdEvent(`pay_${n}`));
    expect(await ids(a)).to.have.length(10);
    expect(await ids(b)).to.have.length(10);
    a.close();
    b.close();
  });

  it('survives truncation at every byte of an unsynced commit after a power cut', async () => {
    const {open, clock, directory, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'), storedEvent('pay_A'));
    const acknowledged = readFileSync(segment()).length;
    await write(journal, createdEvent('pay_B'), storedEvent('pay_B', {ksn: 'FFFF9876543210E00002'}));
    journal.close();
    const whole = readFileSync(segment());
    for (let size = acknowledged; size < whole.length; size += 7) {
      writeFileSync(segment(), whole.subarray(0, size));
      clock.reboot();
      const after = open();
      expect(await ids(after), `cut at ${size}`).to.deep.equal(['pay_A']);
      await write(after, createdEvent('pay_C'));
      after.close();
      const again = open();
      expect(await ids(again)).to.deep.equal(['pay_A', 'pay_C']);
      expect((await again.verify()).ok).to.equal(true);
      again.close();
    }
    const damaged = join(directory, 'journal', 'damaged');
    expect(readdirSync(damaged).length).to.be.greaterThan(100);
    for (const name of readdirSync(damaged)) {
      expect(readFileSync(join(damaged, name), 'latin1'), name).not.to.match(/"private":" *[^ "]/);
    }
  }).timeout(60_000);

  it('cuts a commit whose middle page was lost, keeps the bytes, and tells of it', async () => {
    const {open, clock, directory, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'));
    const acknowledged = readFileSync(segment()).length;
    await write(journal, createdEvent('pay_B'), storedEvent('pay_B'), createdEvent('pay_C'));
    journal.close();
    const bytes = readFileSync(segment());
    bytes.fill(0, acknowledged + 20, acknowledged + 300);
    writeFileSync(segment(), bytes);
    clock.reboot();
    const after = open();
    await write(after, createdEvent('pay_D'));
    expect(await ids(after)).to.deep.equal(['pay_A', 'pay_D']);
    const kept = readdirSync(join(directory, 'journal', 'damaged'));
    const cut = readFileSync(join(directory, 'journal', 'damaged', kept[0] ?? ''));
    expect(cut).to.have.length(bytes.length - acknowledged);
    expect(cut.toString('latin1')).to.include('"payment":"pay_B"');
    const sealed = Buffer.from(JSON.stringify(PRIVATE)).toString('base64');
    expect(bytes.toString('latin1')).to.include(sealed.slice(0, 60));
    expect(cut.toString('latin1'), 'no card data of a sale that never was').not.to.include(
      sealed.slice(0, 20),
    );
    const told = [];
    for await (const {record} of after.history())
      if (record.type === 'journal.recovered') told.push(record.data);
    expect(told).to.deep.equal([
      {
        kind: 'tear',
        segment: '000000000001.jsonl',
        offset: acknowledged,
        bytes: bytes.length - acknowledged,
        kept_as: kept[0],
      },
    ]);
    after.close();
  });

  it('cuts a commit of whose sealed data a page was lost: the rest of the line verifies without it', async () => {
    const {open, clock, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'));
    const acknowledged = readFileSync(segment()).length;
    await write(journal, createdEvent('pay_B'), storedEvent('pay_B'));
    journal.close();
    const bytes = readFileSync(segment());
    const sealed = bytes.indexOf('"private":"', acknowledged) + 11;
    bytes.fill(0, sealed + 8, sealed + 60);
    writeFileSync(segment(), bytes);
    clock.reboot();
    const after = open();
    expect(await ids(after), 'not even shown').to.deep.equal(['pay_A']);
    await write(after, createdEvent('pay_C'));
    expect(await ids(after)).to.deep.equal(['pay_A', 'pay_C']);
    expect((await after.verify()).ok).to.equal(true);
    after.close();
  });

  it('cuts bytes beyond the synced mark: nobody was ever told they were safe', async () => {
    const {open, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'));
    const before = readFileSync(segment());
    await write(journal, createdEvent('pay_B'));
    const ghost = readFileSync(segment()).subarray(before.length);
    journal.close();
    const other = await world();
    const first = other.open();
    await write(first, createdEvent('pay_A'));
    first.close();
    writeFileSync(other.segment(), Buffer.concat([readFileSync(other.segment()), ghost]));
    const second = other.open();
    expect(await ids(second), 'a reader does not show them').to.deep.equal(['pay_A']);
    await write(second, createdEvent('pay_C'));
    expect(await ids(second)).to.deep.equal(['pay_A', 'pay_C']);
    second.close();
  });

  it('never takes a flipped byte of an acknowledged line for a torn tail', async () => {
    const {open, clock, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'));
    await write(journal, createdEvent('pay_B'), storedEvent('pay_B'));
    journal.close();
    const whole = readFileSync(segment());
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 2),
        fc.integer({min: 1, max: 255}),
        fc.boolean(),
        async (at, flip, reboot) => {
          const bytes = Buffer.from(whole);
          bytes[at] = (bytes[at] ?? 0) ^ flip;
          // A power cut can leave NUL bytes, so a byte that became NUL (or a newline that went) may be a tear.
          if (bytes[at] === 0 || whole[at] === 0x0a) return;
          writeFileSync(segment(), bytes);
          if (reboot) clock.reboot();
          const after = open();
          const {health} = await after.view();
          const verified = health.ok ? await after.verify() : health;
          const error = await write(after, createdEvent('pay_C')).then(
            () => null,
            (failure) => failure,
          );
          after.close();
          writeFileSync(segment(), whole);
          // A flip in the private part is found by verify, not by every write: it stands outside the chain.
          if (health.ok) expect(verified.damage?.details).to.include({code: 'journal_damaged'});
          else expect(error).to.include({code: 'journal_damaged', exitCode: 10});
        },
      ),
      {numRuns: 150},
    );
  }).timeout(60_000);

  it('calls a file shorter than what was synced damage', async () => {
    const {open, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'));
    journal.close();
    truncateSync(segment(), readFileSync(segment()).length - 5);
    const after = open();
    expect((await after.view()).health.damage?.message).to.match(/were synced/);
    after.close();
  });

  it('rolls segments and reads across them', async () => {
    const {open, directory} = await world();
    const journal = open({segmentBytes: 2000});
    for (let n = 0; n < 30; n += 1) await write(journal, createdEvent(`pay_${n}`));
    journal.close();
    const segments = readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.jsonl'));
    expect(segments.length).to.be.greaterThan(5);
    const after = open();
    expect(await ids(after)).to.have.length(30);
    expect((await after.verify()).ok).to.equal(true);
    after.close();
  });

  it('names a missing segment', async () => {
    const {open, directory} = await world();
    const journal = open({segmentBytes: 1000});
    for (let n = 0; n < 10; n += 1) await write(journal, createdEvent(`pay_${n}`));
    journal.close();
    const segments = readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.jsonl'));
    disk.rename(join(directory, 'journal', segments[2] ?? ''), join(directory, 'gone'));
    const after = open();
    expect((await after.view()).health.damage?.message).to.match(/missing/);
    after.close();
  });

  it('blanks the sealed data once the payment is settled, and the chain still verifies', async () => {
    const {open, segment} = await world();
    const journal = open();
    const sealed = Buffer.from(JSON.stringify(PRIVATE)).toString('base64');
    await write(journal, createdEvent('pay_A'), storedEvent('pay_A'));
    expect(readFileSync(segment(), 'utf8')).to.include(sealed);
    await write(journal, declinedEvent('pay_A'));
    expect(readFileSync(segment(), 'utf8')).not.to.include(sealed.slice(10, 40));
    expect(await journal.privateData('pay_A')).to.equal(null);
    expect(await journal.verify()).to.deep.equal({ok: true, seq: 4, damage: null});
    journal.close();
  });

  it('finishes a redaction that a crash interrupted', async () => {
    const {open, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'), storedEvent('pay_A'));
    const before = readFileSync(segment());
    await write(journal, declinedEvent('pay_A'));
    journal.close();
    const after = readFileSync(segment());
    before.copy(after);
    writeFileSync(segment(), after);
    const next = open();
    await write(next);
    expect(readFileSync(segment(), 'utf8')).not.to.include(
      Buffer.from(JSON.stringify(PRIVATE)).toString('base64'),
    );
    expect((await next.verify()).ok).to.equal(true);
    next.close();
  });

  it('calls sealed data that was removed without permission damage', async () => {
    const {open, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'), storedEvent('pay_A'));
    const text = readFileSync(segment(), 'utf8');
    writeFileSync(
      segment(),
      text.replace(/"private":"([^"]+)"/, (_, data) => `"private":"${' '.repeat(data.length)}"`),
    );
    expect((await journal.verify()).damage?.message).to.match(/pay_A was removed/);
    journal.close();
  });

  it('starts from the checkpoint, and loses nothing without it', async () => {
    const {open, directory} = await world();
    const journal = open();
    for (let n = 0; n < 300; n += 1)
      await write(journal, createdEvent(`pay_${n}`), declinedEvent(`pay_${n}`));
    await write(journal, createdEvent('pay_open'), storedEvent('pay_open'));
    const {state} = await journal.view();
    journal.close();
    const checkpoint = join(directory, 'journal', 'checkpoint.json');
    expect(existsSync(checkpoint)).to.equal(true);
    const cached = open();
    expect((await cached.view()).state.payments).to.deep.equal(state.payments);
    expect(await cached.privateData('pay_open')).to.deep.equal(PRIVATE);
    cached.close();
    writeFileSync(checkpoint, '{"mac":"x","body":"{}"}');
    const whole = open();
    expect((await whole.view()).state.payments.size).to.equal(301);
    whole.close();
  }).timeout(60_000);

  it('calls a journal that ends before its checkpoint damage', async () => {
    const {open, clock, segment} = await world();
    const journal = open();
    const early = readFileSync(segment());
    for (let n = 0; n < 300; n += 1) await write(journal, createdEvent(`pay_${n}`));
    journal.close();
    writeFileSync(segment(), early);
    clock.reboot();
    const after = open();
    expect((await after.view()).health.damage?.message).to.match(/ends before its checkpoint/);
    after.close();
  }).timeout(60_000);

  it('gives up with journal_locked while another process holds the lock', async () => {
    const {open, directory} = await world();
    const journal = open();
    const {FileLock} = await import('../../../src/lib/storage/file-lock.js');
    const other = FileLock.open(join(directory, 'journal', 'lock'));
    expect(other.tryLock()).to.equal(true);
    const error = await write(journal, createdEvent('pay_A')).catch((failure) => failure);
    expect(error).to.include({code: 'journal_locked', exitCode: 11});
    other.close();
    await write(journal, createdEvent('pay_A'));
    journal.close();
  });

  it('gives a payment to one owner at a time', async () => {
    const {open} = await world();
    const [a, b] = [open(), open()];
    const claim = await a.claim(7);
    expect(claim).not.to.equal(null);
    expect(await b.claim(7)).to.equal(null);
    expect(await b.claim(8)).not.to.equal(null);
    expect(b.owned(7)).to.equal(true);
    claim?.release();
    expect(b.owned(7)).to.equal(false);
    expect(await b.claim(7)).not.to.equal(null);
    a.close();
    b.close();
  });
});

describe('journal, found in review', () => {
  it('writes on in a segment whose first commit was torn, whoever cut it', async () => {
    const {open, directory, clock} = await world();
    const journal = open({segmentBytes: 500});
    await write(journal, createdEvent('pay_A'));
    journal.close();
    const next = join(directory, 'journal', `${String((await seqOf(open)) + 1).padStart(12, '0')}.jsonl`);
    writeFileSync(next, '{"mac":"half of a line');
    clock.reboot();
    const cutter = open({segmentBytes: 500});
    const tornTell = await cutter.transact(() => ({events: [], result: null}));
    expect(tornTell.records).to.deep.equal([]);
    cutter.close();
    const first = open({segmentBytes: 500});
    await write(first, createdEvent('pay_B'));
    first.close();
    const after = open();
    expect(await ids(after)).to.deep.equal(['pay_A', 'pay_B']);
    expect((await after.verify()).ok).to.equal(true);
    after.close();
  });

  it('writes on in a segment that is begun and empty, after a process that died before its first commit', async () => {
    const {open, directory, clock} = await world();
    const journal = open({segmentBytes: 500});
    await write(journal, createdEvent('pay_A'));
    journal.close();
    const seq = await seqOf(open);
    const next = `${String(seq + 1).padStart(12, '0')}.jsonl`;
    writeFileSync(join(directory, 'journal', next), '');
    clock.reboot();
    // The mark stands at the beginning of the empty segment: whoever wrote it died then.
    const mark = JSON.stringify({boot: clock.boot, segment: next, offset: 0});
    const text = `${crc32(mark).toString(16).padStart(8, '0')} ${mark}`;
    writeFileSync(join(directory, 'journal', 'lock'), `${text.padEnd(255)}\n`);
    const after = open({segmentBytes: 500});
    await write(after, createdEvent('pay_B'));
    expect(await ids(after)).to.deep.equal(['pay_A', 'pay_B']);
    expect((await after.verify()).ok).to.equal(true);
    after.close();
  });

  it('takes away a segment that a process with smaller ones began, before another writes on', async () => {
    const {open, directory, clock} = await world();
    const small = open({segmentBytes: 500});
    await write(small, createdEvent('pay_A'));
    small.close();
    // It died after the new segment had its name, before anybody was told.
    const names = (): string[] =>
      readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.jsonl'));
    const begun = `${String((await seqOf(open)) + 1).padStart(12, '0')}.jsonl`;
    expect(names()).not.to.include(begun);
    writeFileSync(join(directory, 'journal', begun), '{"mac":"half of a line');
    const large = open();
    await write(large, createdEvent('pay_B'));
    large.close();
    expect(names()).not.to.include(begun);
    clock.reboot();
    const after = open();
    expect(await ids(after)).to.deep.equal(['pay_A', 'pay_B']);
    expect((await after.view()).health.ok).to.equal(true);
    after.close();
  });

  it('remembers the reference of a settled order whatever the clock said', async () => {
    const {open, clock} = await world();
    clock.set('1970-01-01T00:05:00.000Z');
    const journal = open();
    await write(journal, createdEvent('pay_A', {reference: 'order-17'}), {
      type: 'payment.canceled',
      payment: 'pay_A',
      data: {reason: 'voided', message: 'by an operator'},
    });
    clock.set('2026-11-23T10:00:00.000Z');
    for (let n = 0; n < 600; n += 1)
      await write(journal, createdEvent(`pay_${n}`), declinedEvent(`pay_${n}`));
    journal.close();
    const after = open();
    const {state} = await after.view();
    expect(state.payments.has('pay_A'), 'let go of by a checkpoint').to.equal(false);
    expect(state.references.get('acct_test order-17')?.payment).to.equal('pay_A');
    after.close();
  }).timeout(60_000);

  it('is whole after a checkpoint on a segment that was begun and stayed empty', async () => {
    const {open, directory, clock} = await world();
    const journal = open({segmentBytes: 100_000});
    for (let n = 0; n < 300; n += 1) await write(journal, createdEvent(`pay_${n}`));
    journal.close();
    const names = (): string[] =>
      readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.jsonl'));
    const fresh = `${String((await seqOf(open)) + 1).padStart(12, '0')}.jsonl`;
    if (!names().includes(fresh)) writeFileSync(join(directory, 'journal', fresh), '');
    rmSync(join(directory, 'journal', 'checkpoint.json'), {force: true});
    clock.reboot();
    const next = open({segmentBytes: 100_000});
    await write(next, createdEvent('pay_after'));
    next.close();
    const last = open({segmentBytes: 100_000});
    const {state, health} = await last.view();
    expect(health.ok).to.equal(true);
    expect(state.payments.size).to.equal(301);
    last.close();
  }).timeout(60_000);

  it('still serves what verifies when the checkpoint stands nowhere', async () => {
    const {open, directory} = await world();
    const journal = open();
    for (let n = 0; n < 300; n += 1) await write(journal, createdEvent(`pay_${n}`));
    journal.close();
    const path = join(directory, 'journal', 'checkpoint.json');
    const other = await world();
    const foreign = other.open();
    for (let n = 0; n < 300; n += 1) await write(foreign, createdEvent(`pay_${n}`));
    foreign.close();
    writeFileSync(path, readFileSync(join(other.directory, 'journal', 'checkpoint.json')));
    const after = open();
    expect((await after.view()).state.payments.size).to.equal(300);
    after.close();
  }).timeout(60_000);

  it('calls a blanking that was cut off unfinished, not damage', async () => {
    const {open, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'), storedEvent('pay_A'));
    const before = readFileSync(segment());
    await write(journal, declinedEvent('pay_A'));
    const after = readFileSync(segment());
    const at = before.indexOf('"private":"') + 11;
    before.copy(after, at, at, at + 40);
    writeFileSync(segment(), after);
    expect((await journal.verify()).ok).to.equal(true);
    journal.close();
  });

  it('gives a payment to one act of the same process, and a look never frees it', async () => {
    const {open} = await world();
    const [a, other] = [open(), open()];
    const [first, second] = await Promise.all([a.claim(5), a.claim(5)]);
    expect([first, second].filter((claim) => claim !== null)).to.have.length(1);
    expect(a.owned(5)).to.equal(true);
    expect(await other.claim(5)).to.equal(null);
    a.close();
    other.close();
  });

  it('begins anew where a crash left half a key and no segment', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'device.key'), '');
    await initialiseJournal(disk, directory, testClock(), null);
    const journal = new FileJournal({storage: disk, directory, clock: testClock()});
    expect((await journal.view()).health.ok).to.equal(true);
    journal.close();
  });
});

async function seqOf(open: World['open']): Promise<number> {
  const journal = open();
  const {health} = await journal.view();
  journal.close();
  return health.seq;
}

describe('a journal whose segments are gone', () => {
  it('is damage, never "no journal", and nothing is written over it', async () => {
    const {open, directory, clock, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'));
    journal.close();
    rmSync(segment());
    expect(() => open())
      .to.throw()
      .with.property('code', 'journal_damaged');
    const again = await initialiseJournal(disk, directory, clock, 'machine').catch((error) => error);
    expect(again).to.include({code: 'journal_damaged'});
    expect(readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.jsonl'))).to.deep.equal(
      [],
    );
  });

  it('serves what verifies of a file that is shorter than what was synced', async () => {
    const {open, segment} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'));
    await write(journal, createdEvent('pay_B'));
    journal.close();
    truncateSync(segment(), readFileSync(segment()).length - 5);
    const after = open();
    const {state, health} = await after.view();
    expect(health.ok).to.equal(false);
    expect([...state.payments.keys()]).to.deep.equal(['pay_A']);
    after.close();
  });
});
