/** Prints one argument of a system call as strace(1) does. */
import type { Registers } from '../../platform/registers.js';
import { readWord } from '../abi/word.js';
import { signalName } from '../abi/signal.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import type { ArgumentFormat } from '../syscalls/row.js';
import { readTimespec } from '../time/timespec.js';
import {
  ACCESS_MODES,
  AT_FLAGS,
  CLOCKS,
  IOCTLS,
  MAP_FLAGS,
  MAP_TYPES,
  OPEN_FLAGS,
  PROTECTION,
  WHENCE,
  formatBits,
} from './flag-names.js';
import { quote } from './quote.js';

export type ArgumentIndex = 0 | 1 | 2 | 3 | 4 | 5;

const AT_FDCWD = -100;
const PATH_MAX = 4096;
/** Bytes of a buffer and elements of an array that are shown. */
const SHOWN = 32;

export function formatArgument(
  mm: MemoryManager,
  args: Registers,
  index: ArgumentIndex,
  format: ArgumentFormat,
  result: number | undefined,
): string {
  switch (format) {
    case 'int':
    case 'fd':
      return String(args.argumentInt(index));
    case 'uint':
      return String(args.argumentUint(index));
    case 'long':
    case 'size':
      return format === 'long'
        ? String(args.argumentLong(index))
        : args.argumentBig(index).toString();
    case 'hex':
      return formatHex(args.argumentBig(index));
    case 'pointer':
      return formatPointer(args.argumentBig(index));
    case 'dirfd':
      return args.argumentInt(index) === AT_FDCWD ? 'AT_FDCWD' : String(args.argumentInt(index));
    case 'path':
    case 'buffer-in':
    case 'buffer-out':
    case 'string-array':
    case 'timespec':
      return (
        formatPointed(mm, args, index, format, result) ?? formatPointer(args.argumentBig(index))
      );
    default:
      return formatFlags(args.argumentInt(index), args.argumentUint(index), format);
  }
}

/** What a pointer points to; `undefined` where it is NULL, cannot be read, or the call failed to fill it. */
function formatPointed(
  mm: MemoryManager,
  args: Registers,
  index: ArgumentIndex,
  format: ArgumentFormat,
  result: number | undefined,
): string | undefined {
  const address = args.argument(index);
  if (address === 0) return undefined;
  switch (format) {
    case 'path':
      return formatPath(mm, address);
    case 'buffer-in':
      return formatBuffer(mm, address, args.argument(following(index)));
    case 'buffer-out':
      return result === undefined || result < 0 ? undefined : formatBuffer(mm, address, result);
    case 'string-array':
      return formatStrings(mm, address);
    default:
      return formatTimespec(mm, address);
  }
}

function formatFlags(value: number, unsigned: number, format: ArgumentFormat): string {
  switch (format) {
    case 'open-flags':
      return formatOpenFlags(unsigned);
    case 'mode':
      return formatMode(unsigned);
    case 'prot':
      return formatBits(unsigned, PROTECTION, 'PROT_NONE');
    case 'map-flags':
      return formatMapFlags(unsigned);
    case 'signal':
      return value === 0 ? '0' : signalName(value);
    case 'whence':
      return WHENCE[value] ?? String(value);
    case 'at-flags':
      return formatBits(unsigned, AT_FLAGS);
    case 'ioctl':
      return IOCTLS.get(unsigned) ?? formatHex(BigInt(unsigned));
    case 'clock':
      return CLOCKS[value] ?? String(value);
    default:
      return formatHex(BigInt(unsigned));
  }
}

export function formatHex(value: bigint): string {
  return value === 0n ? '0' : `0x${value.toString(16)}`;
}

export function formatPointer(value: bigint): string {
  return value === 0n ? 'NULL' : `0x${value.toString(16)}`;
}

function following(index: ArgumentIndex): ArgumentIndex {
  return Math.min(index + 1, 5) as ArgumentIndex;
}

function formatOpenFlags(flags: number): string {
  const mode = ACCESS_MODES[flags & 3] ?? 'O_RDONLY';
  const rest = (flags & ~3) >>> 0;
  return rest === 0 ? mode : `${mode}|${formatBits(rest, OPEN_FLAGS)}`;
}

function formatMode(mode: number): string {
  return mode === 0 ? '000' : `0${mode.toString(8)}`;
}

function formatMapFlags(flags: number): string {
  const type = MAP_TYPES[flags & 3] ?? 'MAP_FILE';
  const rest = (flags & ~3) >>> 0;
  return rest === 0 ? type : `${type}|${formatBits(rest, MAP_FLAGS)}`;
}

function formatPath(mm: MemoryManager, address: number): string | undefined {
  const text = mm.readCString(address, PATH_MAX);
  return typeof text === 'number' ? undefined : quote(text);
}

function formatBuffer(mm: MemoryManager, address: number, length: number): string | undefined {
  const bytes = Buffer.alloc(Math.min(length, SHOWN));
  if (!mm.read(address, bytes)) return undefined;
  return quote(bytes.toString('latin1'), length > SHOWN);
}

/** Arguments as execve(2) takes them. */
export function formatList(strings: readonly string[]): string {
  const shown = strings
    .slice(0, SHOWN)
    .map((text) => quote(text.slice(0, SHOWN), text.length > SHOWN));
  if (strings.length > SHOWN) shown.push('...');
  return `[${shown.join(', ')}]`;
}

function formatStrings(mm: MemoryManager, address: number): string | undefined {
  const strings: string[] = [];
  const pointer = Buffer.alloc(8);
  for (let at = address; strings.length <= SHOWN; at += 8) {
    if (!mm.read(at, pointer)) return undefined;
    const target = readWord(pointer, 0);
    if (target === 0) break;
    const text = mm.readCString(target, PATH_MAX);
    strings.push(typeof text === 'number' ? '?' : text);
  }
  return formatList(strings);
}

function formatTimespec(mm: MemoryManager, address: number): string | undefined {
  const time = readTimespec(mm, address);
  if (typeof time === 'number') return undefined;
  return `{tv_sec=${String(time.seconds)}, tv_nsec=${String(time.nanoseconds)}}`;
}
