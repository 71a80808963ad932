import {StowpayError} from '../core/errors.js';
import {isUnread} from './lines.js';

/**
 * The program: runs the command and exits with its code once everything is written.
 * What oclif itself throws (unknown command, no command) is reported like every other failure.
 */
export async function main(argv: readonly string[], url: string): Promise<never> {
  // A reader of our output that goes away (`| head`) is no failure of ours.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreBrokenPipe);
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    // A bug somewhere out of reach: it still ends as one object and one code, never as a bare trace.
    process.once(event, (error) => void reportStray(error, argv).finally(() => process.exit(1)));
  }
  const {run} = await import('@oclif/core');
  try {
    if (argv[0] === '--json') throw noCommand();
    await run([...argv], url);
  } catch (error) {
    await reportStray(error, argv);
  }
  await flushed();
  process.exit(process.exitCode ?? 0);
}

function noCommand(): StowpayError {
  return new StowpayError('invalid_usage', 'No command was named.', {hint: 'See stowpay --help.'});
}

async function reportStray(error: unknown, argv: readonly string[]): Promise<void> {
  const exit = (error as {code?: string; oclif?: {exit?: number}}).oclif?.exit;
  if ((error as {code?: string}).code === 'EEXIT') {
    process.exitCode = exit ?? 0;
    return;
  }
  const [{reportFailure}, {asStowpayError}] = await Promise.all([
    import('./base-command.js'),
    import('./envelope.js'),
  ]);
  reportFailure(asStowpayError(error), argv);
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

/** Pipes take what they can and no more at once: wait until both streams have let go of everything. */
async function flushed(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.writable || stream.writableLength === 0 || isUnread(stream)) continue;
    await new Promise<void>((resolve) => {
      stream.write('', () => resolve());
    });
  }
}
