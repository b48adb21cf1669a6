/**
 * The part of a terminal that does not travel through descriptors: signals sent to this process go on to the
 * guest. Its settings need no care here, whatever the guest did to them: Node notes those of the standard streams
 * as it starts and puts them back as it exits.
 */
import type { Program } from '../program.js';

/**
 * What others send us in place of the guest. SIGTSTP is not among them: its default action stops this process,
 * and with it the guest, until SIGCONT. SIGWINCH only wakes a guest that asked for it; the size itself is read
 * from the terminal.
 */
const PASSED_SIGNALS = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
] as const;

/** Passes signals on to the program until the function it gives is called. */
export function passSignals(program: Pick<Program, 'kill'>): () => void {
  const listeners = PASSED_SIGNALS.map((name) => {
    const listener = (): void => {
      program.kill(name);
    };
    process.on(name, listener);
    return { name, listener };
  });
  return () => {
    for (const { name, listener } of listeners) process.off(name, listener);
  };
}
