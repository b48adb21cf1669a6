import { Signo } from '../abi/signal.js';

/** What a signal does where the program chose nothing, signal(7). */
export type DefaultAction = 'terminate' | 'core' | 'ignore' | 'stop' | 'continue';

const actions = new Map<number, DefaultAction>([
  [Signo.SIGQUIT, 'core'],
  [Signo.SIGILL, 'core'],
  [Signo.SIGTRAP, 'core'],
  [Signo.SIGABRT, 'core'],
  [Signo.SIGBUS, 'core'],
  [Signo.SIGFPE, 'core'],
  [Signo.SIGSEGV, 'core'],
  [Signo.SIGXCPU, 'core'],
  [Signo.SIGXFSZ, 'core'],
  [Signo.SIGSYS, 'core'],
  [Signo.SIGCHLD, 'ignore'],
  [Signo.SIGURG, 'ignore'],
  [Signo.SIGWINCH, 'ignore'],
  [Signo.SIGCONT, 'continue'],
  [Signo.SIGSTOP, 'stop'],
  [Signo.SIGTSTP, 'stop'],
  [Signo.SIGTTIN, 'stop'],
  [Signo.SIGTTOU, 'stop'],
]);

export function defaultAction(signo: number): DefaultAction {
  return actions.get(signo) ?? 'terminate';
}
