/** Constants of <fcntl.h> and its relatives on x86-64 (open(2), fcntl(2), renameat2(2), lseek(2)). */

/** Flags of open(2). */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  ACCMODE: 3,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DSYNC: 0o10000,
  ASYNC: 0o20000,
  DIRECT: 0o40000,
  LARGEFILE: 0o100000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  NOATIME: 0o1000000,
  CLOEXEC: 0o2000000,
  SYNC: 0o4010000,
  PATH: 0o10000000,
  /** The bit of O_TMPFILE that O_DIRECTORY does not have. */
  TMPFILE: 0o20000000,
} as const;

/** Where a path must not lead, openat2(2). */
export const Resolve = {
  NO_XDEV: 0x01,
  NO_MAGICLINKS: 0x02,
  NO_SYMLINKS: 0x04,
  BENEATH: 0x08,
  IN_ROOT: 0x10,
  CACHED: 0x20,
} as const;

/** What F_SETFL may change. */
export const SETTABLE_FLAGS = O.APPEND | O.NONBLOCK | O.ASYNC | O.DIRECT | O.NOATIME;

export const AT_FDCWD = -100;

/** Flags of the calls ending in `at`. */
export const At = {
  SYMLINK_NOFOLLOW: 0x100,
  /** faccessat2(2). The same bit as AT_REMOVEDIR. */
  EACCESS: 0x200,
  REMOVEDIR: 0x200,
  SYMLINK_FOLLOW: 0x400,
  NO_AUTOMOUNT: 0x800,
  EMPTY_PATH: 0x1000,
  STATX_SYNC_TYPE: 0x6000,
} as const;

/** Commands of fcntl(2). */
export const Fcntl = {
  DUPFD: 0,
  GETFD: 1,
  SETFD: 2,
  GETFL: 3,
  SETFL: 4,
  GETLK: 5,
  SETLK: 6,
  SETLKW: 7,
  SETOWN: 8,
  GETOWN: 9,
  SETSIG: 10,
  GETSIG: 11,
  SETOWN_EX: 15,
  GETOWN_EX: 16,
  OFD_GETLK: 36,
  OFD_SETLK: 37,
  OFD_SETLKW: 38,
  DUPFD_CLOEXEC: 1030,
  SETPIPE_SZ: 1031,
  GETPIPE_SZ: 1032,
  ADD_SEALS: 1033,
  GET_SEALS: 1034,
} as const;

/** Modes of fallocate(2). */
export const Fallocate = {
  KEEP_SIZE: 1,
  PUNCH_HOLE: 2,
  COLLAPSE_RANGE: 8,
  ZERO_RANGE: 0x10,
  INSERT_RANGE: 0x20,
  UNSHARE_RANGE: 0x40,
} as const;

/** Seals of F_ADD_SEALS. */
export const Seal = {
  SEAL: 1,
  SHRINK: 2,
  GROW: 4,
  WRITE: 8,
  FUTURE_WRITE: 16,
  EXEC: 32,
} as const;

export const FD_CLOEXEC = 1;

export const LockType = { RDLCK: 0, WRLCK: 1, UNLCK: 2 } as const;

export const Whence = { SET: 0, CUR: 1, END: 2, DATA: 3, HOLE: 4 } as const;

/** Flags of renameat2(2). */
export const Rename = { NOREPLACE: 1, EXCHANGE: 2, WHITEOUT: 4 } as const;

/** Modes of access(2), and the permission bits of one class of users. */
export const AccessMode = { F_OK: 0, X_OK: 1, W_OK: 2, R_OK: 4 } as const;

/** Bytes of a path with its NUL, and of a name without. */
export const PATH_MAX = 4096;
export const NAME_MAX = 255;

/** Symbolic links followed in one lookup (path_resolution(7)). */
export const MAX_SYMLINKS = 40;

/** The most that one read or write moves: MAX_RW_COUNT. */
export const MAX_RW_COUNT = 0x7ffff000;

/** The largest file: what a signed 64-bit offset gives, cut to what a double counts exactly. */
export const MAX_FILE_SIZE = Number.MAX_SAFE_INTEGER - 4095;
