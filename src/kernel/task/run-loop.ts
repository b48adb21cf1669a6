/** Runs a task: switch to the guest, handle what brought it back, switch again. */
import { SwitchResult } from '../../platform/contract.js';
import { Register, Report } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { Signo } from '../abi/signal.js';
import { deliverSignals } from '../signal/delivery.js';
import { syscallNumber } from '../syscalls/dispatcher.js';
import { OUT_OF_MEMORY } from '../mm/pager.js';
import { endTask } from './exit.js';
import { makeRoom } from './out-of-memory.js';
import { Pace } from './pace.js';
import { onPreempted } from './restartable-sequence.js';
import type { Task } from './task.js';

/** Microseconds that a switch may keep the event loop waiting before the guest goes on without it. */
const SYNC_BUDGET = 1000;
const INVALID_OPCODE_VECTOR = 6;
const PAGE_FAULT_VECTOR = 14;
/** Bits of a page fault's error code (SDM volume 3, section 4.7). */
const PAGE_FAULT_PRESENT = 1;
/** KVM's shadow tables of the deprivileged class have such entries there, now and then. */
const PAGE_FAULT_RESERVED = 8;

/** The CPU number that the program relies on; -1: on none. */
function cpuOf(task: Task): number {
  return task.rseq?.cpu ?? -1;
}

/** Runs until the thread ends; then gives back what it held. Never rejects. */
export async function runTask(task: Task): Promise<void> {
  const { process, kernel } = task;
  kernel.runnable++;
  let failure: { readonly error: unknown } | undefined;
  try {
    await new RunLoop(task).run();
  } catch (error) {
    failure = { error };
    process.exit({ signal: Signo.SIGKILL, coreDumped: false });
  }
  kernel.runnable--;
  if (failure === undefined) kernel.tracer?.ended(task);
  endTask(task);
  if (failure !== undefined) process.fail(failure.error);
  else if (kernel.failure !== undefined) process.fail(kernel.failure.error);
  else if (process.isZombie) process.finish(process.exitStatus ?? { code: 0 });
}

class RunLoop {
  readonly #task: Task;
  readonly #pace = new Pace();

  constructor(task: Task) {
    this.#task = task;
  }

  async run(): Promise<void> {
    const task = this.#task;
    for (;;) {
      if (task.hasWork || task.interruptedCall >= 0 || task.savedMask !== undefined) {
        deliverSignals(task, task.kernel.tracer?.signalled);
        if (task.isEnding) return;
        if (task.process.stopped) {
          task.kernel.tracer?.stopped(task);
          await task.sleepWhileStopped();
        }
        if (task.hasWork) continue;
      }
      const result = this.#pace.isSynchronous ? this.#switchSync() : await this.#switchAsync();
      if (result === SwitchResult.Syscall) {
        const pending = this.#syscall();
        if (pending !== undefined) await pending;
      } else if (result === SwitchResult.Signal) {
        const pending = this.#exception();
        if (pending !== undefined) await pending;
      } else if (result === SwitchResult.CpuPreempted) {
        // Before anybody else has a turn on this CPU: two who yield to one another here would never get on.
        onPreempted(task);
        continue;
      }
      if (task.kernel.runnable > 1) await this.#yield();
      const turn = task.kernel.turns.due();
      if (turn !== undefined) await turn;
    }
  }

  #switchSync(): SwitchResult {
    const task = this.#task;
    const { context, mm, registers } = task;
    const result = context.switchSync(mm.addressSpace, registers, cpuOf(task), SYNC_BUDGET);
    // A call that the guest answers itself comes out where it was interrupted on its way there.
    const wasCaught = result === SwitchResult.Syscall && task.answers.has(syscallNumber(task));
    if (result === SwitchResult.Interrupt || wasCaught) this.#pace.exhausted();
    else if (result !== SwitchResult.CpuPreempted) this.#pace.answered();
    return result;
  }

  async #switchAsync(): Promise<SwitchResult> {
    const task = this.#task;
    const begin = performance.now();
    task.inGuest = true;
    task.kernel.runnable--;
    try {
      const result = await task.context.switch(task.mm.addressSpace, task.registers, cpuOf(task));
      if (result !== SwitchResult.Interrupt) this.#pace.cameOut(performance.now() - begin);
      return result;
    } finally {
      task.inGuest = false;
      task.kernel.runnable++;
    }
  }

  /** Answers a call; a promise only where the answer must be waited for. */
  #syscall(): Promise<void> | undefined {
    const task = this.#task;
    const number = syscallNumber(task);
    task.mm.callSites?.called(task.registers, task.credentials);
    const result = task.kernel.dispatch(task, number);
    if (typeof result === 'number') {
      this.#setResult(number, result);
      return undefined;
    }
    return result.then((value) => {
      this.#setResult(number, value);
    });
  }

  #setResult(number: number, result: number): void {
    const task = this.#task;
    if (task.registersReplaced) {
      task.registersReplaced = false;
      return;
    }
    task.registers.setNumber(Register.Rax, result);
    if (result === -Errno.EINTR && task.restarts !== 'never') task.interruptedCall = number;
    else task.restarts = 'by-rule';
  }

  /** Resolves the fault, or raises its signal; a promise where that takes its time, as with a call. */
  #exception(): Promise<void> | undefined {
    const task = this.#task;
    const { registers, mm } = task;
    const signo = registers.low32(Report.SignoCode);
    const vector = registers.high32(Report.AccessVector);
    if (vector === INVALID_OPCODE_VECTOR && mm.callSites !== undefined) {
      const meaning = mm.callSites.undefinedOpcode(registers);
      if (meaning === 'call') return this.#syscall();
      if (meaning === 'repeat') return undefined;
    }
    let code = registers.highInt32(Report.SignoCode);
    let raised = signo;
    if (signo === Signo.SIGSEGV && vector === PAGE_FAULT_VECTOR) {
      const fault = mm.handleFault(
        registers.getNumber(Report.FaultAddress),
        registers.low32(Report.AccessVector),
      );
      if (fault === 0) return undefined;
      if (fault === OUT_OF_MEMORY) return makeRoom(task);
      raised = fault.signo;
      code = fault.code;
    }
    const address = registers.get(Report.FaultAddress);
    let errorCode = registers.high32(Report.CpuErrorCode);
    // What is mapped beyond the program's addresses is not for it to know (Linux, sanitize_error_code).
    if (vector === PAGE_FAULT_VECTOR && address >= mm.layout.top) {
      errorCode = (errorCode | PAGE_FAULT_PRESENT) & ~PAGE_FAULT_RESERVED;
    }
    task.forceSignal({ signo: raised, code, address, vector, errorCode });
    return undefined;
  }

  /** Lets the other tasks that could run have their turn: they are queued as this one now is. */
  async #yield(): Promise<void> {
    const begin = performance.now();
    await Promise.resolve();
    this.#task.idleTime += performance.now() - begin;
  }
}
