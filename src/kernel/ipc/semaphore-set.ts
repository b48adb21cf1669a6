/** A set of System V semaphores, semop(2). */
import { Errno } from '../abi/errno.js';
import { EventSource } from '../task/event-source.js';
import type { Process } from '../task/process.js';
import { IpcObject, ipcNow } from './ipc-table.js';
import type { Credentials } from '../task/credentials.js';

export const SEMVMX = 32767;
/** Bytes of the host's that each semaphore takes. */
export const SEMAPHORE_SIZE = 16;

/** `struct sembuf`. */
export interface Operation {
  readonly index: number;
  readonly change: number;
  readonly doesNotWait: boolean;
  readonly undo: boolean;
}

export class SemaphoreSet extends IpcObject {
  readonly values: Int32Array;
  /** Who has changed each last. */
  readonly pids: Int32Array;
  /** Something has changed: those who wait look again. */
  readonly changes = new EventSource();
  /** The operation that each waiter cannot do yet. */
  readonly waiting = new Set<Operation>();
  operationTime = 0;
  /** SEM_UNDO: what the end of each process takes back. */
  readonly #undo = new Map<Process, Int32Array>();

  constructor(
    id: number,
    key: number,
    mode: number,
    credentials: Credentials,
    readonly count: number,
  ) {
    super(id, key, mode, credentials);
    this.values = new Int32Array(count);
    this.pids = new Int32Array(count);
  }

  /** All of the operations, or none: 0, -errno, or the one that must wait. */
  perform(operations: readonly Operation[], process: Process): number | Operation {
    const before = new Map<number, number>();
    const outcome = this.#apply(operations, before);
    if (outcome !== 0) {
      for (const [index, value] of before) this.values[index] = value;
      return outcome;
    }
    for (const { index, change, undo } of operations) {
      this.pids[index] = process.pid;
      if (undo && change !== 0) this.#adjust(process, index, change);
    }
    this.operationTime = ipcNow();
    if (operations.some(({ change }) => change !== 0)) this.changes.happened();
    return 0;
  }

  #apply(operations: readonly Operation[], before: Map<number, number>): number | Operation {
    for (const operation of operations) {
      const { index, change } = operation;
      const value = this.values[index] as number;
      if (change === 0 ? value !== 0 : value + change < 0) {
        return operation.doesNotWait ? -Errno.EAGAIN : operation;
      }
      if (value + change > SEMVMX) return -Errno.ERANGE;
      if (!before.has(index)) before.set(index, value);
      this.values[index] = value + change;
    }
    return 0;
  }

  #adjust(process: Process, index: number, change: number): void {
    let adjustments = this.#undo.get(process);
    if (adjustments === undefined) {
      adjustments = new Int32Array(this.count);
      this.#undo.set(process, adjustments);
      process.atEnd.add(this);
    }
    adjustments[index] = (adjustments[index] as number) - change;
  }

  /** A process has ended: what it did with SEM_UNDO is taken back. */
  ended(process: Process): void {
    const adjustments = this.#undo.get(process);
    this.#undo.delete(process);
    adjustments?.forEach((change, index) => {
      if (change === 0) return;
      this.values[index] = Math.min(Math.max((this.values[index] as number) + change, 0), SEMVMX);
      this.pids[index] = process.pid;
    });
    if (adjustments !== undefined) this.changes.happened();
  }

  /** SETVAL, SETALL: nothing is taken back of what was done before. */
  set(first: number, values: readonly number[], pid: number): void {
    values.forEach((value, offset) => {
      this.values[first + offset] = value;
      this.pids[first + offset] = pid;
      for (const adjustments of this.#undo.values()) adjustments[first + offset] = 0;
    });
    this.changeTime = ipcNow();
    this.changes.happened();
  }

  override remove(): void {
    for (const process of this.#undo.keys()) process.atEnd.delete(this);
    this.#undo.clear();
    this.changes.happened();
  }
}
