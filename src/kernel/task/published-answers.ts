/** Answers that a task's guest has, so that it need not leave for them: docs/doorway.md. */
import { Register } from '../../platform/registers.js';
import type { Task } from './task.js';

export class PublishedAnswers {
  readonly #task: Task;
  readonly #calls = new Set<number>();

  constructor(task: Task) {
    this.#task = task;
  }

  /** A call has come that the next ones of the task will be answered as. */
  publish(call: number, result: number): void {
    const { mm, registers, context } = this.#task;
    // One that never comes again would not be rewritten, and `syscall` costs more than a jump.
    const isSettled = mm.callSites?.isSettled(registers.getNumber(Register.Rip)) ?? true;
    if (isSettled && context.publish(call, result)) this.#calls.add(call);
  }

  /** Whether the guest answers the call. */
  has(call: number): boolean {
    return this.#calls.has(call);
  }

  /** Another answer may be right from now on. */
  withdraw(): void {
    for (const call of this.#calls) this.#task.context.publish(call, undefined);
    this.#calls.clear();
  }
}
