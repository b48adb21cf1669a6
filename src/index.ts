/**
 * Ringfence as a library. `run` is the whole of it for most: it starts a program in a sandbox of its own and gives
 * what it printed and how it ended. `Sandbox` and `createPlatform` are for more than one program, or for one that
 * is to be watched while it runs.
 */
export type { Diagnosis, KvmReport } from './diagnosis.js';
export { diagnose } from './diagnosis.js';
export {
  GuestMemoryError,
  OutOfMemoryError,
  OutputLimitError,
  PlatformError,
  SavedMemoryError,
  StartError,
  SyscallHookError,
} from './errors.js';
export { interruptContext } from './host/interrupt-context.js';
export type { UserFileSystem, UserStat } from './kernel/fs/user/user-file-system.js';
export type { Syscall } from './kernel/hooks/syscall.js';
export type { SyscallHook, SyscallHooks } from './kernel/hooks/syscall-hooks.js';
export type { FilledMemory, Reader } from './memory/allocate-and-fill.js';
export { allocateAndFill } from './memory/allocate-and-fill.js';
export type {
  Bind,
  LaunchOptions,
  NetworkMode,
  PlatformName,
  PlatformOptions,
  RunOptions,
  RunResult,
  SandboxOptions,
  SpawnOptions,
  StartOptions,
  TraceEvent,
  TraceOptions,
} from './options.js';
export type { AccessType } from './platform/access.js';
export { Access } from './platform/access.js';
export type { File, Memory, MemoryUsage, Platform } from './platform/contract.js';
export { MemoryKind } from './platform/contract.js';
export type { FileRange } from './platform/file-range.js';
export type { Program, ProgramEnd } from './sandbox/program.js';
export { run, runIn } from './run.js';
export { Sandbox } from './sandbox.js';
export { createPlatform } from './sandbox/create-platform.js';
export type { SandboxProcessEvents } from './sandbox/sandbox-process.js';
export { SandboxProcess } from './sandbox/sandbox-process.js';
export type { Stdio, StdioOption } from './sandbox/stdio.js';
export type { Input, Output } from './sandbox/standard-streams.js';
