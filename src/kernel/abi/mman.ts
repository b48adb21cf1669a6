/** Constants of mmap(2) and its kin (<asm-generic/mman.h>, <asm-generic/mman-common.h>). */
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;
export const PROT_SEM = 8;
export const PROT_GROWSDOWN = 0x01000000;
export const PROT_GROWSUP = 0x02000000;
export const PROT_ACCESS = PROT_READ | PROT_WRITE | PROT_EXEC;

export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
export const MAP_SHARED_VALIDATE = 0x03;
export const MAP_TYPE = 0x0f;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_32BIT = 0x40;
export const MAP_GROWSDOWN = 0x0100;
export const MAP_DENYWRITE = 0x0800;
export const MAP_EXECUTABLE = 0x1000;
export const MAP_LOCKED = 0x2000;
export const MAP_NORESERVE = 0x4000;
export const MAP_POPULATE = 0x8000;
export const MAP_NONBLOCK = 0x10000;
export const MAP_STACK = 0x20000;
export const MAP_HUGETLB = 0x40000;
export const MAP_SYNC = 0x80000;
export const MAP_FIXED_NOREPLACE = 0x100000;
/** Flags that mmap(2) has always known; MAP_SHARED_VALIDATE refuses others (LEGACY_MAP_MASK). */
export const MAP_ABOVE4G = 0x80;
const MAP_HUGE_SIZES = 0x7c000000;
export const MAP_KNOWN =
  MAP_SHARED_VALIDATE |
  MAP_FIXED |
  MAP_ANONYMOUS |
  MAP_32BIT |
  MAP_ABOVE4G |
  MAP_GROWSDOWN |
  MAP_DENYWRITE |
  MAP_EXECUTABLE |
  MAP_LOCKED |
  MAP_NORESERVE |
  MAP_POPULATE |
  MAP_NONBLOCK |
  MAP_STACK |
  MAP_HUGETLB |
  MAP_HUGE_SIZES;

export const MLOCK_ONFAULT = 1;
export const MCL_CURRENT = 1;
export const MCL_FUTURE = 2;
export const MCL_ONFAULT = 4;

export const MREMAP_MAYMOVE = 1;
export const MREMAP_FIXED = 2;
export const MREMAP_DONTUNMAP = 4;

export const MS_ASYNC = 1;
export const MS_INVALIDATE = 2;
export const MS_SYNC = 4;

export const Madvise = {
  Normal: 0,
  Random: 1,
  Sequential: 2,
  WillNeed: 3,
  DontNeed: 4,
  Free: 8,
  Remove: 9,
  DontFork: 10,
  DoFork: 11,
  Mergeable: 12,
  Unmergeable: 13,
  HugePage: 14,
  NoHugePage: 15,
  DontDump: 16,
  DoDump: 17,
  WipeOnFork: 18,
  KeepOnFork: 19,
  Cold: 20,
  PageOut: 21,
  PopulateRead: 22,
  PopulateWrite: 23,
  DontNeedLocked: 24,
  Collapse: 25,
  HwPoison: 100,
  SoftOffline: 101,
} as const;
