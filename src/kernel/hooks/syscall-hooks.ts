/** Functions of the user's that system calls go through: a wrapper around the dispatcher. */
import { Errno } from '../abi/errno.js';
import { syscallNames } from '../abi/syscall-names.js';
import type { Dispatcher } from '../syscalls/dispatcher.js';
import type { SyscallResult } from '../syscalls/row.js';
import type { Task } from '../task/task.js';
import { GuestMemoryError, Syscall } from './syscall.js';

/** What a function that only looks returns is `void`. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type
type Answer = number | undefined | void;

/**
 * Sees a call before it is made. It gives the answer, a number of which a negative one is -errno, or nothing: then the
 * call is made, with `call.args` as they are. `await call.proceed()` makes it in between.
 */
export type SyscallHook = (call: Syscall) => Answer | Promise<Answer>;

/** By name, or one for all calls. */
export type SyscallHooks = SyscallHook | Readonly<Record<string, SyscallHook>>;

/** A hook threw, or gave what is no answer: the sandbox is over. */
export class SyscallHookError extends Error {
  override readonly name = 'SyscallHookError';

  constructor(
    readonly syscall: string,
    cause: unknown,
  ) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`the hook of ${syscall} failed: ${reason}`, { cause });
  }
}

export class HookTable {
  readonly #all: SyscallHook | undefined;
  readonly #byNumber = new Map<number, SyscallHook>();

  /** @throws {TypeError} */
  constructor(hooks: SyscallHooks) {
    if (typeof hooks === 'function') {
      this.#all = hooks;
      return;
    }
    const numbers = new Map([...syscallNames].map(([number, name]) => [name, number]));
    for (const [name, hook] of Object.entries(hooks)) {
      const number = numbers.get(name);
      if (number === undefined) throw new TypeError(`onSyscall: there is no system call ${name}`);
      if (typeof hook !== 'function') throw new TypeError(`onSyscall.${name} is no function`);
      this.#byNumber.set(number, hook);
    }
  }

  has(number: number): boolean {
    return this.#all !== undefined || this.#byNumber.has(number);
  }

  /** The dispatcher that asks the hooks first. */
  wrap(dispatch: Dispatcher): Dispatcher {
    return (task, number) => {
      const hook = this.#all ?? this.#byNumber.get(number);
      return hook === undefined ? dispatch(task, number) : callHook(hook, task, number, dispatch);
    };
  }
}

function callHook(
  hook: SyscallHook,
  task: Task,
  number: number,
  dispatch: Dispatcher,
): SyscallResult {
  const call = new Syscall(task, number);
  const proceed = (): SyscallResult => call.withArguments(() => dispatch(task, number));
  let answer;
  try {
    answer = hook(call);
  } catch (error) {
    return failed(call, task, error);
  }
  if (isThenable(answer)) return converse(call, task, Promise.resolve(answer), proceed);
  const request = call.takeRequest();
  call.finish();
  if (request === undefined && answer === undefined) return proceed();
  if (request === undefined) return checked(call, task, answer);
  // It does not wait for the call that it has had made.
  return tellResult(proceed(), request.resolve, (result) =>
    answer === undefined ? result : checked(call, task, answer),
  );
}

function isThenable(answer: Answer | Promise<Answer>): answer is Promise<Answer> {
  return typeof answer === 'object' && 'then' in answer;
}

function tellResult(
  result: SyscallResult,
  tell: (result: number) => void,
  then: (result: number) => number,
): SyscallResult {
  const told = (value: number): number => {
    tell(value);
    return then(value);
  };
  return typeof result === 'number' ? told(result) : result.then(told);
}

/** Takes turns with a hook that waits: the calls that it has made wait and are interrupted as any other. */
async function converse(
  call: Syscall,
  task: Task,
  answer: Promise<Answer>,
  proceed: () => SyscallResult,
): Promise<number> {
  let made: number | undefined;
  const settled = answer.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  for (;;) {
    const next = await task.blockUntilEnding(Promise.race([call.requested, settled]));
    const request = call.takeRequest();
    if (request !== undefined && !task.isEnding) {
      made = await proceed();
      request.resolve(made);
      continue;
    }
    call.finish();
    // The thread ends first: whatever the hook still does is for nobody.
    if (typeof next === 'number' || next === 'proceed') return -Errno.EINTR;
    if ('error' in next) return failed(call, task, next.error);
    if (next.value !== undefined) return checked(call, task, next.value);
    return made ?? proceed();
  }
}

function checked(call: Syscall, task: Task, answer: unknown): number {
  if (typeof answer === 'number' && Number.isSafeInteger(answer)) return answer;
  return failed(call, task, new TypeError(`${String(answer)} is no answer to a system call`));
}

/** The program's bad pointer fails its call; anything else is the user's own mistake, and ends the sandbox. */
function failed(call: Syscall, task: Task, error: unknown): number {
  call.finish();
  if (error instanceof GuestMemoryError) return -Errno.EFAULT;
  task.kernel.fail(new SyscallHookError(call.name, error));
  return -Errno.EINTR;
}
