import { SIGNAL_COUNT, SIG_DFL, SIG_IGN, Signo } from '../abi/signal.js';
import { defaultAction } from './default-action.js';
import { SignalSet } from './signal-set.js';

/** What a process does about one signal, sigaction(2). */
export interface SignalAction {
  /** Address of the handler, SIG_DFL or SIG_IGN. */
  readonly handler: number;
  readonly flags: number;
  readonly restorer: number;
  readonly mask: SignalSet;
}

const DEFAULT: SignalAction = {
  handler: SIG_DFL,
  flags: 0,
  restorer: 0,
  mask: new SignalSet(),
};

/** The actions of a process, one a signal. */
export class SignalActions {
  /** More than one process has used them. */
  isShared = false;
  readonly #actions: SignalAction[] = new Array<SignalAction>(SIGNAL_COUNT + 1).fill(DEFAULT);

  /** clone(2) with CLONE_SIGHAND: one more process uses these same actions. */
  share(): this {
    this.isShared = true;
    return this;
  }

  /** fork(2): the same actions, changed apart from now on. */
  clone(): SignalActions {
    const copy = new SignalActions();
    for (const [signo, action] of this.#actions.entries()) copy.set(signo, action);
    return copy;
  }

  get(signo: number): SignalAction {
    return this.#actions[signo] ?? DEFAULT;
  }

  set(signo: number, action: SignalAction): void {
    this.#actions[signo] = action;
  }

  /** Whether the signal would vanish without a trace. */
  ignores(signo: number): boolean {
    const { handler } = this.get(signo);
    if (signo === Signo.SIGKILL || signo === Signo.SIGSTOP) return false;
    if (handler === SIG_IGN) return true;
    return handler === SIG_DFL && defaultAction(signo) === 'ignore';
  }

  reset(signo: number): void {
    this.#actions[signo] = DEFAULT;
  }

  /** execve(2): handlers are gone, ignored signals stay ignored. */
  resetHandlers(): void {
    for (let signo = 1; signo <= SIGNAL_COUNT; signo++) {
      if (this.get(signo).handler !== SIG_IGN) this.reset(signo);
    }
  }
}
