/** The system call table: one row a call, one file a family. */
import { buildTable } from './dispatcher.js';
import { rows as cloneRows } from './clone.js';
import { rows as execRows } from './exec.js';
import { fileRows } from './file-families.js';
import { rows as futexRows } from './futex.js';
import { rows as futexVectorRows } from './futex-vector.js';
import { rows as identityRows } from './identity.js';
import { rows as memoryRows } from './memory.js';
import { rows as messageQueueRows } from './message-queues.js';
import { rows as placementRows } from './placement.js';
import { rows as prctlRows } from './prctl.js';
import { rows as processRows } from './process.js';
import { rows as randomRows } from './random.js';
import { rows as refusedRows } from './refused.js';
import { rows as resourceRows } from './resource.js';
import { rows as rseqRows } from './rseq.js';
import type { SyscallRow } from './row.js';
import { rows as scheduleRows } from './schedule.js';
import { rows as semaphoreRows } from './semaphores.js';
import { rows as sharedMemoryRows } from './shared-memory.js';
import { rows as signalRows } from './signal.js';
import { rows as signalWaitRows } from './signal-wait.js';
import { rows as systemRows } from './system.js';
import { rows as timeRows } from './time.js';
import { rows as timerRows } from './timer.js';
import { rows as waitRows } from './wait.js';

export const rows: readonly SyscallRow[] = [
  ...cloneRows,
  ...execRows,
  ...fileRows,
  ...futexRows,
  ...futexVectorRows,
  ...identityRows,
  ...memoryRows,
  ...messageQueueRows,
  ...placementRows,
  ...prctlRows,
  ...processRows,
  ...randomRows,
  ...refusedRows,
  ...resourceRows,
  ...rseqRows,
  ...scheduleRows,
  ...semaphoreRows,
  ...sharedMemoryRows,
  ...signalRows,
  ...signalWaitRows,
  ...systemRows,
  ...timeRows,
  ...timerRows,
  ...waitRows,
];

export const syscallTable = buildTable(rows);
