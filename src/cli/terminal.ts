/**
 * The part of a terminal that does not travel through descriptors: signals sent to this process go on to the
 * guest. Its settings need no care here, whatever the guest did to them: Node notes those of the standard streams
 * as it starts and puts them back as it exits.
 */
import type { LocalProgram } from '../sandbox/program.js';

/** What others send us in place of the guest. */
const PASSED_SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/**
 * What the terminal sends to its foreground process group, which is ours: they are for the one inside. SIGWINCH only
 * wakes a guest that asked for it; the size itself is read from the terminal.
 */
const KEY_SIGNALS = ['SIGINT', 'SIGQUIT', 'SIGWINCH'] as const;

type Target = Pick<LocalProgram, 'kill' | 'signalForeground' | 'hasForegroundJob'>;

/** Passes signals on to the program until the function it gives is called. */
export function passSignals(program: Target): () => void {
  const stops = [
    ...PASSED_SIGNALS.map((name) =>
      listen(name, () => {
        program.kill(name);
      }),
    ),
    ...KEY_SIGNALS.map((name) =>
      listen(name, () => {
        program.signalForeground(name);
      }),
    ),
    passStopKey(program),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function listen(name: NodeJS.Signals, listener: () => void): () => void {
  process.on(name, listener);
  return () => {
    process.off(name, listener);
  };
}

/** Ctrl-Z stops a job inside; where the program itself is in the foreground, this process and with it the guest. */
function passStopKey(program: Target): () => void {
  let stop = (): void => undefined;
  const start = (): void => {
    stop = listen('SIGTSTP', () => {
      if (program.hasForegroundJob) {
        program.signalForeground('SIGTSTP');
        return;
      }
      stop();
      process.kill(process.pid, 'SIGTSTP');
      // Not before it has been delivered: to us it would be the key once more.
      const continued = setImmediate(start);
      stop = () => {
        clearImmediate(continued);
      };
    });
  };
  start();
  return () => {
    stop();
  };
}
