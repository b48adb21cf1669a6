/** Arguments that are numbers, and those that a name stands for. */
import { signalName } from '../abi/signal.js';
import { formatHex, formatPointer, preceding, type Decoder } from './decoding.js';
import {
  ACCESS_MODES,
  ARCH_PRCTL_CODES,
  AT_FLAGS,
  CLONE_FLAGS,
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
  type NamedBit,
} from './flag-names.js';

const AT_FDCWD = -100;
const O_CREAT = 0o100;
const O_TMPFILE = 0o20200000;
const STATX_SYNC_TYPE = 0x6000;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;

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

const mode: Decoder = ({ args, index }) => {
  const value = args.argumentUint(index);
  return value === 0 ? '000' : `0${value.toString(8)}`;
};

const openFlags: Decoder = ({ args, index }) => {
  const flags = args.argumentUint(index);
  const access = ACCESS_MODES[flags & 3] ?? 'O_RDONLY';
  const rest = (flags & ~3) >>> 0;
  return rest === 0 ? access : `${access}|${formatBits(rest, OPEN_FLAGS)}`;
};

const mapFlags: Decoder = ({ args, index }) => {
  const flags = args.argumentUint(index);
  const type = MAP_TYPES[flags & 3] ?? 'MAP_FILE';
  const rest = (flags & ~3) >>> 0;
  return rest === 0 ? type : `${type}|${formatBits(rest, MAP_FLAGS)}`;
};

/** The exit signal lies in the lowest byte. */
const cloneFlags: Decoder = ({ args, index }) => {
  const value = args.argumentUint(index);
  const signal = value & 0xff;
  const flags = (value & ~0xff) >>> 0;
  if (signal === 0) return formatBits(flags, CLONE_FLAGS);
  return flags === 0
    ? signalName(signal)
    : `${formatBits(flags, CLONE_FLAGS)}|${signalName(signal)}`;
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
  'open-flags': openFlags,
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
  'clone-flags': cloneFlags,
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
  'fcntl-argument': ({ args, index, ...rest }) => {
    const command = args.argumentInt(preceding(index));
    if (command === F_GETFD || command === F_GETFL) return null;
    if (command === F_SETFL) return openFlags({ args, index, ...rest });
    if (command === F_SETFD) return args.argumentInt(index) === 1 ? 'FD_CLOEXEC' : undefined;
    return FCNTL_COMMANDS.get(command)?.startsWith('F_DUPFD') === true
      ? String(args.argumentInt(index))
      : formatHex(args.argumentBig(index));
  },
} satisfies Record<string, Decoder>;
