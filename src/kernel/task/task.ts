import type { Registers } from '../../platform/registers.js';

/** PLACEHOLDER: the kernel-core author replaces this at once. */
export interface Task {
  readonly pid: number;
  readonly registers: Registers;
}
