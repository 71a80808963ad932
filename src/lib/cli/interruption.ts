import {StowpayError} from '../core/errors.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The first signal asks to stop after the current durable step (a card read is cancelled at the reader);
 * the second stops at once: the journal is safe at any point.
 */
export function listenForSignals(): {readonly signal: AbortSignal; stop(): void} {
  const controller = new AbortController();
  const onSignal = (name: (typeof SIGNALS)[number]): void => {
    const error = interruptedBy(name);
    if (controller.signal.aborted) process.exit(error.exitCode);
    controller.abort(error);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    stop: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}

function interruptedBy(name: (typeof SIGNALS)[number]): StowpayError {
  const hint = 'The state is safe. Run the command again; a sale with the same --reference.';
  return name === 'SIGINT'
    ? new StowpayError('interrupted', 'Interrupted.', {hint})
    : new StowpayError('terminated', 'Terminated.', {hint});
}
