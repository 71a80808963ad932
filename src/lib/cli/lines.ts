/** So much may wait for a reader that does not read, bytes. A few thousand events. */
const MOST_WAITING = 1024 * 1024;
/** How long the last lines may take when it ends, ms. */
const LAST_WORDS_MS = 2_000;

export interface Lines {
  write(line: string): void;
  /** Resolves when everything was read, or after two seconds: then the stream `isUnread`. */
  end(): Promise<void>;
}

/** Streams that nobody reads. The standard ones cannot be destroyed. */
const UNREAD = new WeakSet<NodeJS.WritableStream>();

/** True for a stream that nobody must wait for any more. */
export function isUnread(stream: NodeJS.WritableStream): boolean {
  return UNREAD.has(stream);
}

/**
 * Lines on a stream for as long as anybody reads it, and no fault of the stream or of its reader is one of ours: a
 * reader that is gone is told nothing more, a full disk loses lines, and a reader that stands still costs neither time
 * nor memory. What a line was about goes on.
 *
 * @param lostLine what is written in place of lines that were lost, once there is room again
 * @param complain is told once when the reader is gone or a line is lost
 */
export function linesTo(
  stream: NodeJS.WriteStream,
  lostLine: (count: number) => string,
  complain: (text: string) => void,
): Lines {
  return new StreamLines(stream, lostLine, complain);
}

class StreamLines implements Lines {
  readonly #stream: NodeJS.WriteStream;
  readonly #lostLine: (count: number) => string;
  readonly #complain: (text: string) => void;
  #gone = false;
  #complained = false;
  #lost = 0;
  readonly #onError = (error: NodeJS.ErrnoException): void => this.#failed(error);

  constructor(
    stream: NodeJS.WriteStream,
    lostLine: (count: number) => string,
    complain: (text: string) => void,
  ) {
    this.#stream = stream;
    this.#lostLine = lostLine;
    this.#complain = complain;
    // In place of those who take an error for the end of everything.
    stream.removeAllListeners('error');
    stream.on('error', this.#onError);
  }

  write(line: string): void {
    if (this.#gone) return;
    if (this.#stream.writableLength > MOST_WAITING) {
      this.#lost += 1;
      this.#say('Its output is not read, so that some of it is lost; forwarding goes on.');
      return;
    }
    const lost = this.#lost;
    this.#lost = 0;
    this.#stream.write(lost === 0 ? `${line}\n` : `${this.#lostLine(lost)}\n${line}\n`);
  }

  async end(): Promise<void> {
    if (!this.#gone && this.#stream.writableLength > 0) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<boolean>((resolve) => {
        timer = setTimeout(() => resolve(false), LAST_WORDS_MS);
      });
      const read = new Promise<boolean>((resolve) => {
        this.#stream.write('', () => resolve(true));
      });
      this.#gone = !(await Promise.race([read, late]));
      clearTimeout(timer);
    }
    if (this.#gone) UNREAD.add(this.#stream);
  }

  #failed({code = 'unknown'}: NodeJS.ErrnoException): void {
    if (code === 'EPIPE' || code === 'EIO') {
      this.#gone = true;
      this.#say('Nobody reads its output any more; forwarding goes on.');
      return;
    }
    this.#lost += 1;
    this.#say(`Its output could not be written (${code}), so that some of it is lost; forwarding goes on.`);
  }

  #say(text: string): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#complain(text);
  }
}
