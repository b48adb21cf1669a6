/** Arguments of futex(2): which of them count depends on the operation. */
import type { Decoder, Decoding } from './decoding.js';
import { timeFormats } from './time-formats.js';

const PRIVATE = 0x80;
const CLOCK_REALTIME = 0x100;
const MATCH_ANY = 0xffffffff;

type Fourth = 'timeout' | 'count';
type Last = 'number' | 'mask' | 'operation';

interface Operation {
  readonly name: string;
  readonly value?: true;
  readonly fourth?: Fourth;
  readonly address?: true;
  readonly last?: Last;
}

const OPERATIONS: readonly Operation[] = [
  { name: 'WAIT', value: true, fourth: 'timeout' },
  { name: 'WAKE', value: true },
  { name: 'FD', value: true },
  { name: 'REQUEUE', value: true, fourth: 'count', address: true },
  { name: 'CMP_REQUEUE', value: true, fourth: 'count', address: true, last: 'number' },
  { name: 'WAKE_OP', value: true, fourth: 'count', address: true, last: 'operation' },
  { name: 'LOCK_PI', fourth: 'timeout' },
  { name: 'UNLOCK_PI' },
  { name: 'TRYLOCK_PI' },
  { name: 'WAIT_BITSET', value: true, fourth: 'timeout', last: 'mask' },
  { name: 'WAKE_BITSET', value: true, last: 'mask' },
  { name: 'WAIT_REQUEUE_PI', value: true, fourth: 'timeout', address: true },
  { name: 'CMP_REQUEUE_PI', value: true, fourth: 'count', address: true, last: 'number' },
  { name: 'LOCK_PI2', fourth: 'timeout' },
];

/** Of an operation that there is not, everything is shown. */
const UNKNOWN: Operation = {
  name: '',
  value: true,
  fourth: 'count',
  address: true,
  last: 'number',
};

function operationOf({ args }: Decoding): Operation {
  return OPERATIONS[args.argumentUint(1) & ~(PRIVATE | CLOCK_REALTIME)] ?? UNKNOWN;
}

const STORES = ['SET', 'ADD', 'OR', 'ANDN', 'XOR'];
const COMPARISONS = ['EQ', 'NE', 'LT', 'LE', 'GT', 'GE'];

/** What FUTEX_WAKE_OP does with the second word. */
function formatWakeOperation(value: number): string {
  const store = (value >>> 28) & 7;
  const shift = value >>> 31 ? 'FUTEX_OP_OPARG_SHIFT<<28|' : '';
  const [argument, other] = [(value >>> 12) & 0xfff, value & 0xfff];
  const comparison = (value >>> 24) & 0xf;
  return (
    `${shift}FUTEX_OP_${STORES[store] ?? `0x${store.toString(16)}`}<<28|` +
    `${formatSmall(argument)}<<12|` +
    `FUTEX_OP_CMP_${COMPARISONS[comparison] ?? `0x${comparison.toString(16)}`}<<24|${formatSmall(other)}`
  );
}

function formatSmall(value: number): string {
  return value === 0 ? '0' : `0x${value.toString(16)}`;
}

export const futexFormats = {
  'futex-operation': (decoding) => {
    const flags = decoding.args.argumentUint(1);
    const { name } = operationOf(decoding);
    if (name === '') return `0x${flags.toString(16)}`;
    const realtime = flags & CLOCK_REALTIME ? '|FUTEX_CLOCK_REALTIME' : '';
    return `FUTEX_${name}${flags & PRIVATE ? '_PRIVATE' : ''}${realtime}`;
  },
  'futex-value': (decoding) =>
    operationOf(decoding).value === true ? String(decoding.args.argumentUint(2)) : null,
  'futex-timeout': (decoding) => {
    const { fourth } = operationOf(decoding);
    if (fourth === 'timeout') return timeFormats.timespec(decoding);
    return fourth === 'count' ? String(decoding.args.argumentUint(3)) : null;
  },
  'futex-address': (decoding) => (operationOf(decoding).address === true ? undefined : null),
  'futex-last': (decoding) => {
    const value = decoding.args.argumentUint(5);
    const { last } = operationOf(decoding);
    if (last === undefined) return null;
    if (last === 'operation') return formatWakeOperation(value);
    if (last === 'number') return String(value);
    return value === MATCH_ANY ? 'FUTEX_BITSET_MATCH_ANY' : formatSmall(value);
  },
} satisfies Record<string, Decoder>;
