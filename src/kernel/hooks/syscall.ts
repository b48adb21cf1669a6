/** A system call as a hook of the user's sees it. */
import { ARGUMENTS } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { PATH_MAX } from '../abi/fcntl.js';
import { syscallName } from '../abi/syscall-names.js';
import type { Task } from '../task/task.js';

/** Most bytes that a hook takes or gives at a time: a length is the guest's to choose. */
const MAX_COPY = 64 * 1024 ** 2;
const TWO_32 = 4294967296;

/** A hook has asked for memory that the program does not have. Where the hook lets it through, the call fails with EFAULT. */
export class GuestMemoryError extends Error {
  override readonly name = 'GuestMemoryError';
  readonly code = 'EFAULT';

  constructor(readonly address: number) {
    super(`the program has no such memory at 0x${address.toString(16)}`);
  }
}

/** What became of `proceed`. */
interface Request {
  readonly resolve: (result: number) => void;
}

export class Syscall {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /**
   * The six registers as signed 64-bit numbers, rounded beyond 2^53; what is changed here is what the call gets. An `int` is
   * the low half: `args[0] | 0`.
   */
  readonly args: [number, number, number, number, number, number];
  readonly #task: Task;
  #isOver = false;
  #request: Request | undefined;
  #hasProceeded = false;
  #onRequest: () => void = () => undefined;

  constructor(
    task: Task,
    readonly number: number,
  ) {
    this.#task = task;
    this.name = syscallName(number);
    this.pid = task.pid;
    this.tid = task.tid;
    this.args = ARGUMENTS.map((register) => argument(task, register)) as Syscall['args'];
  }

  /** Argument `index` with all its 64 bits, as the program gave it. */
  arg64(index: 0 | 1 | 2 | 3 | 4 | 5): bigint {
    return this.#live.registers.get(ARGUMENTS[index]);
  }

  /**
   * Bytes of the program's memory, copied. Other threads of the program may write there before and after.
   * @throws {GuestMemoryError}
   */
  copyIn(address: number, length: number): Buffer {
    const { mm } = this.#live;
    checkRange(address, length);
    const bytes = Buffer.alloc(length);
    const done = mm.copyIn(address, bytes);
    if (done < length) throw new GuestMemoryError(address + done);
    return bytes;
  }

  /** Writes into the program's memory. @throws {GuestMemoryError} */
  copyOut(address: number, bytes: Uint8Array): void {
    const { mm } = this.#live;
    checkRange(address, bytes.length);
    const done = mm.copyOut(address, bytes);
    if (done < bytes.length) throw new GuestMemoryError(address + done);
  }

  /** The NUL-terminated string at an address, of at most `max` bytes. @throws {GuestMemoryError} */
  string(address: number, max: number = PATH_MAX): string {
    checkRange(address, max);
    const text = this.#live.mm.readCString(address, max);
    if (typeof text === 'number') throw new GuestMemoryError(address);
    return Buffer.from(text, 'latin1').toString('utf8');
  }

  /** The answer that makes the call fail: `return call.refuse('EPERM')`. @throws {TypeError} */
  refuse(errno: keyof typeof Errno): number {
    const number = (Errno as Readonly<Record<string, number | undefined>>)[errno];
    if (number === undefined) throw new TypeError(`there is no error named ${errno}`);
    return -number;
  }

  /** Makes the call, with `args` as they are now, and gives its result: a negative one is -errno. Once only. */
  proceed(): Promise<number> {
    if (this.#hasProceeded) throw new Error(`${this.name} has been made already`);
    this.#checkLive();
    this.#hasProceeded = true;
    return new Promise((resolve) => {
      this.#request = { resolve };
      this.#onRequest();
    });
  }

  get #live(): Task {
    this.#checkLive();
    return this.#task;
  }

  #checkLive(): void {
    if (this.#isOver) throw new Error(`${this.name} is over: the program has ended or gone on`);
  }

  /** For the dispatcher: what the hook has asked for and not been given. */
  takeRequest(): Request | undefined {
    const request = this.#request;
    this.#request = undefined;
    return request;
  }

  /** For the dispatcher: settles when `proceed` is called. */
  get requested(): Promise<'proceed'> {
    return new Promise((resolve) => {
      if (this.#request !== undefined) resolve('proceed');
      this.#onRequest = () => resolve('proceed');
    });
  }

  /** For the dispatcher: what is left of the hook reaches the program no more. */
  finish(): void {
    this.#isOver = true;
  }

  /** For the dispatcher: runs `make` with the arguments as changed; the program's registers stay what they were. */
  withArguments<T extends number | Promise<number>>(make: () => T): T {
    const { registers } = this.#task;
    const before = ARGUMENTS.map((register) => registers.get(register));
    // What was not changed keeps all its bits.
    const changed = ARGUMENTS.filter(
      (register, index) => this.args[index] !== argument(this.#task, register),
    );
    for (const register of changed) {
      registers.setNumber(register, this.args[ARGUMENTS.indexOf(register)] as number);
    }
    const result = make();
    if (changed.length === 0) return result;
    const restore = (): void => {
      if (this.#task.registersReplaced) return;
      ARGUMENTS.forEach((register, index) => registers.set(register, before[index] as bigint));
    };
    if (typeof result === 'number') restore();
    else void result.then(restore);
    return result;
  }
}

function argument({ registers }: Task, register: number): number {
  return registers.highInt32(register) * TWO_32 + registers.low32(register);
}

function checkRange(address: number, length: number): void {
  if (!Number.isSafeInteger(length) || length < 0 || length > MAX_COPY) {
    throw new GuestMemoryError(address);
  }
  if (!Number.isSafeInteger(address) || address < 0) throw new GuestMemoryError(address);
}
