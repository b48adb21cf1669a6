/**
 * Calls into the C library for set-up and diagnostics, by ffi-rs. A call costs microseconds: right for what
 * happens once, wrong for anything a guest's system call waits for.
 */
import { close, DataType, load, open } from 'ffi-rs';

const LIBRARY = 'libc';

/** Numbers of <sys/resource.h>. */
export const RLIMIT = { nofile: 7, memlock: 8 } as const;

/** openat2(2), arch/x86/entry/syscalls/syscall_64.tbl. */
const SYS_OPENAT2 = 437;
const AT_FDCWD = -100;
const MFD_CLOEXEC = 1;
const O_PATH = 0o10000000;
const RESOLVE_IN_ROOT = 0x10;
/** Bytes of `struct open_how`: three 64-bit words. */
const OPEN_HOW_SIZE = 24;

/** Limits as getrlimit(2) gives them; RLIM_INFINITY is `Infinity`. */
export interface ResourceLimit {
  readonly soft: number;
  readonly hard: number;
}

let opened = false;

function call(name: string, types: DataType[], values: unknown[]): number {
  if (!opened) {
    open({ library: LIBRARY, path: 'libc.so.6' });
    opened = true;
  }
  const result: unknown = load({
    library: LIBRARY,
    funcName: name,
    retType: DataType.I32,
    paramsType: types,
    paramsValue: values,
  });
  return Number(result);
}

/** Lets go of the library; the next call opens it again. */
export function closeLibc(): void {
  if (opened) close(LIBRARY);
  opened = false;
}

export function getrlimit(resource: number): ResourceLimit | undefined {
  const limits = Buffer.alloc(16);
  if (call('getrlimit', [DataType.I32, DataType.U8Array], [resource, limits]) !== 0) {
    return undefined;
  }
  return { soft: limitAt(limits, 0), hard: limitAt(limits, 8) };
}

function limitAt(limits: Buffer, offset: number): number {
  const value = limits.readBigUInt64LE(offset);
  return value === 0xffff_ffff_ffff_ffffn ? Infinity : Number(value);
}

/** memfd_create(2) works: guest memory comes from it. */
export function haveMemfd(): boolean {
  const fd = call('memfd_create', [DataType.String, DataType.I32], ['ringfence', MFD_CLOEXEC]);
  if (fd < 0) return false;
  call('close', [DataType.I32], [fd]);
  return true;
}

/** openat2(2) works (Linux 5.6), and no seccomp filter is in its way. */
export function haveOpenat2(): boolean {
  const how = Buffer.alloc(OPEN_HOW_SIZE);
  how.writeBigUInt64LE(BigInt(O_PATH), 0);
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT), 16);
  const types = [DataType.I64, DataType.I64, DataType.String, DataType.U8Array, DataType.I64];
  const fd = call('syscall', types, [SYS_OPENAT2, AT_FDCWD, '/', how, OPEN_HOW_SIZE]);
  if (fd < 0) return false;
  call('close', [DataType.I32], [fd]);
  return true;
}
