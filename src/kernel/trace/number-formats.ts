/** Arguments that are numbers, and those that a name stands for. */
import { signalName } from '../abi/signal.js';
import { formatHex, formatPointer, preceding, type Decoder } from './decoding.js';
import {
  ARCH_PRCTL_CODES,
  AT_FLAGS,
  CLOCKS,
  FADVICE,
  FCNTL_COMMANDS,
  IOCTLS,
  MADVICE,
  MAP_FLAGS,
  MAP_TYPES,
  MEMFD_FLAGS,
  OPEN_FLAGS,
  PERMISSIONS,
  PRCTL_OPTIONS,
  PROTECTION,
  RANDOM_FLAGS,
  REMAP_FLAGS,
  RESOURCES,
  SIGMASK_HOWS,
  STATX_MASK,
  WHENCE,
  formatBits,
  formatOpenFlags,
  type NamedBit,
} from './flag-names.js';
import { POLICIES } from './scheduling-names.js';
import { formatFileMode } from './structure-formats.js';
import { formatCloneFlags } from './task-formats.js';

const AT_FDCWD = -100;
const O_CREAT = 0o100;
const O_TMPFILE = 0o20200000;
const STATX_SYNC_TYPE = 0x6000;

const bits =
  (names: readonly NamedBit[], none?: string): Decoder =>
  ({ args, index }) =>
    formatBits(args.argumentUint(index), names, none);

const oneOf =
  (names: readonly (string | undefined)[]): Decoder =>
  ({ args, index }) =>
    names[args.argumentInt(index)] ?? String(args.argumentInt(index));

const named =
  (names: ReadonlyMap<number, string>): Decoder =>
  ({ args, index }) =>
    names.get(args.argumentUint(index)) ?? formatHex(BigInt(args.argumentUint(index)));

const USAGE_WHO: ReadonlyMap<number, string> = new Map([
  [0, 'RUSAGE_SELF'],
  [-1, 'RUSAGE_CHILDREN'],
  [1, 'RUSAGE_THREAD'],
]);

const mode: Decoder = ({ args, index }) => {
  const value = args.argumentUint(index);
  return value === 0 ? '000' : `0${value.toString(8)}`;
};

const mapFlags: Decoder = ({ args, index }) => {
  const flags = args.argumentUint(index);
  const type = MAP_TYPES[flags & 3] ?? 'MAP_FILE';
  const rest = (flags & ~3) >>> 0;
  return rest === 0 ? type : `${type}|${formatBits(rest, MAP_FLAGS)}`;
};

export const numberFormats = {
  int: ({ args, index }) => String(args.argumentInt(index)),
  fd: ({ args, index }) => String(args.argumentInt(index)),
  uint: ({ args, index }) => String(args.argumentUint(index)),
  long: ({ args, index }) => String(args.argumentLong(index)),
  size: ({ args, index }) => args.argumentBig(index).toString(),
  hex: ({ args, index }) => formatHex(args.argumentBig(index)),
  pointer: ({ args, index }) => formatPointer(args.argumentBig(index)),
  dirfd: ({ args, index }) =>
    args.argumentInt(index) === AT_FDCWD ? 'AT_FDCWD' : String(args.argumentInt(index)),
  signal: ({ args, index }) =>
    args.argumentInt(index) === 0 ? '0' : signalName(args.argumentInt(index)),
  mode,
  'open-flags': ({ args, index }) => formatOpenFlags(args.argumentUint(index)),
  /** The mode of open(2), which is looked at only where a file may be made. */
  'open-mode': (decoding) => {
    const flags = decoding.args.argumentUint(preceding(decoding.index));
    const makes = (flags & O_CREAT) !== 0 || (flags & O_TMPFILE) === O_TMPFILE;
    return makes ? mode(decoding) : null;
  },
  'pipe-flags': bits(OPEN_FLAGS),
  permissions: bits(PERMISSIONS, 'F_OK'),
  prot: bits(PROTECTION, 'PROT_NONE'),
  'map-flags': mapFlags,
  'remap-flags': bits(REMAP_FLAGS),
  'at-flags': bits(AT_FLAGS),
  'clone-flags': ({ args, index }) => formatCloneFlags(args.argumentUint(index)),
  'random-flags': bits(RANDOM_FLAGS),
  'memfd-flags': bits(MEMFD_FLAGS),
  'statx-flags': ({ args, index }) => {
    const flags = args.argumentUint(index);
    const rest = formatBits(flags, AT_FLAGS, '');
    const sync = flags & STATX_SYNC_TYPE ? '' : 'AT_STATX_SYNC_AS_STAT';
    return [sync, rest].filter((part) => part !== '').join('|');
  },
  'statx-mask': bits(STATX_MASK),
  whence: oneOf(WHENCE),
  clock: oneOf(CLOCKS),
  resource: oneOf(RESOURCES),
  'sigmask-how': oneOf(SIGMASK_HOWS),
  advice: named(MADVICE),
  'file-advice': oneOf(FADVICE),
  ioctl: named(IOCTLS),
  'arch-code': named(ARCH_PRCTL_CODES),
  'prctl-option': named(PRCTL_OPTIONS),
  'fcntl-command': named(FCNTL_COMMANDS),
  'timer-flags': bits([[1, 'TIMER_ABSTIME']]),
  itimer: oneOf(['ITIMER_REAL', 'ITIMER_VIRTUAL', 'ITIMER_PROF']),
  'id-type': oneOf(['P_ALL', 'P_PID', 'P_PGID', 'P_PIDFD']),
  'usage-who': ({ args, index }) => USAGE_WHO.get(args.argumentInt(index)) ?? undefined,
  'lock-operation': bits([
    [1, 'LOCK_SH'],
    [2, 'LOCK_EX'],
    [4, 'LOCK_NB'],
    [8, 'LOCK_UN'],
  ]),
  'sync-flags': bits([
    [1, 'MS_ASYNC'],
    [4, 'MS_SYNC'],
    [2, 'MS_INVALIDATE'],
  ]),
  'rename-flags': bits([
    [1, 'RENAME_NOREPLACE'],
    [2, 'RENAME_EXCHANGE'],
    [4, 'RENAME_WHITEOUT'],
  ]),
  'allocation-mode': bits([
    [1, 'FALLOC_FL_KEEP_SIZE'],
    [2, 'FALLOC_FL_PUNCH_HOLE'],
    [4, 'FALLOC_FL_NO_HIDE_STALE'],
    [8, 'FALLOC_FL_COLLAPSE_RANGE'],
    [0x10, 'FALLOC_FL_ZERO_RANGE'],
    [0x20, 'FALLOC_FL_INSERT_RANGE'],
    [0x40, 'FALLOC_FL_UNSHARE_RANGE'],
  ]),
  'priority-which': oneOf(['PRIO_PROCESS', 'PRIO_PGRP', 'PRIO_USER']),
  policy: oneOf(POLICIES),
  'file-mode': ({ args, index }) => formatFileMode(args.argumentUint(index)),
} satisfies Record<string, Decoder>;
