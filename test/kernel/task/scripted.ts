/** Runs scripted programs through the run loop, with no loader, no files and no /dev/kvm. */
import type { Registers } from '../../../src/platform/registers.js';
import type { FdTable } from '../../../src/kernel/fs/fd-table.js';
import type { FsContext } from '../../../src/kernel/fs/fs-context.js';
import { Kernel, type KernelOptions } from '../../../src/kernel/kernel.js';
import { chooseLayout } from '../../../src/kernel/mm/address-layout.js';
import { MemoryManager } from '../../../src/kernel/mm/memory-manager.js';
import { simpleCredentials } from '../../../src/kernel/task/credentials.js';
import type { ExitStatus } from '../../../src/kernel/task/exit-status.js';
import { Process } from '../../../src/kernel/task/process.js';
import { runTask } from '../../../src/kernel/task/run-loop.js';
import { Task } from '../../../src/kernel/task/task.js';
import { traceTo } from '../../../src/trace/trace-to.js';
import { FakePlatform, type FakeContext, type Script } from '../fake-platform.js';

export interface ScriptedRun {
  readonly task: Task;
  readonly kernel: Kernel;
  readonly platform: FakePlatform;
  readonly context: FakeContext;
  readonly lines: string[];
  readonly defects: string[];
  finish(): Promise<ExitStatus>;
}

export function scripted(
  script: (task: () => Task, registers: Registers) => Script,
  options: Partial<KernelOptions> = {},
): ScriptedRun {
  const started: Task[] = [];
  const platform = new FakePlatform((registers) => script(() => started[0] as Task, registers));
  const lines: string[] = [];
  const defects: string[] = [];
  const kernel = new Kernel({
    platform,
    hostname: 'sandbox',
    credentials: simpleCredentials(1000, 1000, [4, 1000]),
    trace: traceTo((line) => lines.push(line)),
    onDefect: (message, error) => defects.push(`${message}: ${String(error)}`),
    ...options,
  });
  const process = new Process(kernel, 1);
  const context = platform.newContext();
  const task = new Task(1, {
    kernel,
    process,
    context,
    mm: new MemoryManager({
      addressSpace: platform.newAddressSpace(),
      memory: platform.memory,
      layout: chooseLayout(platform.maxUserAddress, 8 * 1024 * 1024),
      limits: process.limits,
    }),
    files: { release: () => undefined, get: () => undefined } as unknown as FdTable,
    fsContext: { release: () => undefined } as unknown as FsContext,
    credentials: simpleCredentials(1000, 1000, [4, 1000]),
  });
  kernel.processes.set(1, process);
  kernel.tasks.set(1, task);
  process.tasks.add(task);
  kernel.hostTerminal.attach(process, task.files, task.fsContext);
  started.push(task);
  return {
    task,
    kernel,
    platform,
    context,
    lines,
    defects,
    finish: async () => {
      await runTask(task);
      return task.process.exited;
    },
  };
}
