import {Writable} from 'node:stream';
import {expect} from 'chai';
import {isUnread, type Lines, linesTo} from '../../../src/lib/cli/lines.js';

/** A stream whose reader reads when the test lets it. */
class Stalled extends Writable {
  readonly read: string[] = [];
  stands = false;
  #go: (() => void) | null = null;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const go = (): void => {
      this.read.push(chunk.toString('utf8'));
      done();
    };
    if (this.stands) this.#go = go;
    else go();
  }

  goOn(): void {
    this.stands = false;
    this.#go?.();
  }
}

function on(stream: Writable): {lines: Lines; complaints: string[]} {
  const complaints: string[] = [];
  const lines = linesTo(
    stream as unknown as NodeJS.WriteStream,
    (count) => `lost ${count}`,
    (text) => complaints.push(text),
  );
  return {lines, complaints};
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('lines of a service', () => {
  it('are written as they come', async () => {
    const stream = new Stalled();
    const {lines, complaints} = on(stream);
    for (const line of ['a', 'b']) lines.write(line);
    await lines.end();
    expect(stream.read.join('')).to.equal('a\nb\n');
    expect(complaints).to.deep.equal([]);
    expect(isUnread(stream)).to.equal(false);
  });

  it('take a bounded part of the memory while the reader stands still, and say how many were lost', async () => {
    const stream = new Stalled();
    stream.stands = true;
    const {lines, complaints} = on(stream);
    const long = 'x'.repeat(1000);
    for (let one = 0; one < 5000; one += 1) lines.write(`${one} ${long}`);
    expect(stream.writableLength).to.be.below(1.1 * 1024 * 1024);
    expect(complaints).to.have.length(1);
    stream.goOn();
    await nextTurn();
    lines.write('after');
    await lines.end();
    const read = stream.read.join('').split('\n');
    const kept = read.filter((line) => line.endsWith(long)).length;
    expect(kept).to.be.within(500, 1100);
    expect(read.slice(-3)).to.deep.equal([`lost ${5000 - kept}`, 'after', '']);
  });

  it('keep nobody waiting for a reader that never comes', async () => {
    const stream = new Stalled();
    stream.stands = true;
    const {lines} = on(stream);
    lines.write('a');
    lines.write('b');
    await lines.end();
    expect(isUnread(stream)).to.equal(true);
  });

  it('are over when the reader is gone: nothing more is tried, and that is said once', async () => {
    let writes = 0;
    const stream = new Writable({
      write: (_chunk, _encoding, done) => {
        writes += 1;
        done(Object.assign(new Error('gone'), {code: 'EPIPE'}));
      },
      autoDestroy: false,
    });
    const {lines, complaints} = on(stream);
    lines.write('a');
    await nextTurn();
    lines.write('b');
    lines.write('c');
    await nextTurn();
    await lines.end();
    expect(writes).to.equal(1);
    expect(complaints).to.have.length(1);
  });

  it('are lost on a full disk, and come again when there is room', async () => {
    const read: string[] = [];
    let full = true;
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (full) stream.emit('error', Object.assign(new Error('full'), {code: 'ENOSPC'}));
        else read.push(chunk.toString('utf8'));
        done();
      },
    });
    const {lines, complaints} = on(stream);
    lines.write('a');
    await nextTurn();
    full = false;
    lines.write('b');
    await lines.end();
    expect(read.join('')).to.equal('lost 1\nb\n');
    expect(complaints).to.have.length(1);
  });
});
