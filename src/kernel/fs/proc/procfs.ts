import { Tmpfs } from '../tmpfs.js';
import { PROC_DEVICE } from '../device-numbers.js';
import type { MountNamespace } from '../namespace.js';
/** PLACEHOLDER for minutes. */
export class ProcFs extends Tmpfs {
  constructor(namespace: MountNamespace) {
    super(namespace.memory, PROC_DEVICE, { type: 'proc', mode: 0o555 });
  }
}
