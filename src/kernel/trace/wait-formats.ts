/** Arguments of poll(2), select(2) and their kin, and what they say of what has happened. */
import { readWord } from '../abi/word.js';
import {
  formatPointer,
  pointedBytes,
  type ArgumentIndex,
  type Decoder,
  type Decoding,
} from './decoding.js';
import { formatBits, type NamedBit } from './flag-names.js';
import { formatSignals } from './structure-formats.js';
import { formatTime } from './time-formats.js';

const POLLFD_SIZE = 8;
const MOST_DESCRIPTORS = 1024;

const EVENTS: readonly NamedBit[] = [
  [0x1, 'POLLIN'],
  [0x2, 'POLLPRI'],
  [0x4, 'POLLOUT'],
  [0x40, 'POLLRDNORM'],
  [0x80, 'POLLRDBAND'],
  [0x100, 'POLLWRNORM'],
  [0x200, 'POLLWRBAND'],
  [0x400, 'POLLMSG'],
  [0x2000, 'POLLRDHUP'],
  [0x8, 'POLLERR'],
  [0x10, 'POLLHUP'],
  [0x20, 'POLLNVAL'],
];

interface Polled {
  readonly fd: number;
  readonly events: number;
  readonly happened: number;
}

function polled(decoding: Decoding): Polled[] | undefined {
  const count = Math.min(decoding.args.argumentUint(1), decoding.stringLimit);
  if (count === 0) return [];
  const bytes = pointedBytes({ ...decoding, index: 0 }, count * POLLFD_SIZE);
  return (
    bytes &&
    Array.from({ length: count }, (_, i) => ({
      fd: bytes.readInt32LE(i * POLLFD_SIZE),
      events: bytes.readUInt16LE(i * POLLFD_SIZE + 4),
      happened: bytes.readUInt16LE(i * POLLFD_SIZE + 6),
    }))
  );
}

const pollList: Decoder = (decoding) => {
  const cut = decoding.args.argumentUint(1) > decoding.stringLimit ? ', ...' : '';
  const shown = polled(decoding)?.map(({ fd, events }) =>
    fd < 0 ? `{fd=${String(fd)}}` : `{fd=${String(fd)}, events=${formatBits(events, EVENTS)}}`,
  );
  return shown && `[${shown.join(', ')}${cut}]`;
};

function formatSet(bytes: Buffer, count: number): string[] {
  const members: string[] = [];
  for (let fd = 0; fd < count; fd++) {
    if (((bytes[fd >> 3] ?? 0) >> (fd & 7)) & 1) members.push(String(fd));
  }
  return members;
}

function setAt(decoding: Decoding, index: ArgumentIndex): string[] | undefined {
  const count = Math.min(Math.max(decoding.args.argumentInt(0), 0), MOST_DESCRIPTORS);
  const bytes = pointedBytes({ ...decoding, index }, Math.ceil(count / 64) * 8);
  return bytes && formatSet(bytes, count);
}

const set: Decoder = (decoding) => {
  const members = setAt(decoding, decoding.index);
  return members && `[${members.join(' ')}]`;
};

/** A pointer to a signal mask, and its size: the sixth argument of pselect6(2). */
const maskPair: Decoder = (decoding) => {
  const pair = pointedBytes(decoding, 16);
  if (pair === undefined) return undefined;
  const mask = Buffer.alloc(8);
  const place = readWord(pair, 0);
  const shown =
    place !== 0 && decoding.mm.read(place, mask)
      ? formatSignals(mask.readBigUInt64LE(0))
      : formatPointer(pair.readBigUInt64LE(0));
  return `{sigmask=${shown}, sigsetsize=${String(readWord(pair, 8))}}`;
};

function left(decoding: Decoding, index: ArgumentIndex, unit: 'nsec' | 'usec'): string[] {
  const bytes = pointedBytes({ ...decoding, index }, 16);
  return bytes === undefined ? [] : [`left ${formatTime(bytes, 0, unit)}`];
}

const pollNote =
  (hasTimespec: boolean) =>
  (decoding: Decoding): string | undefined => {
    const { result = -1 } = decoding;
    if (result <= 0) return result === 0 ? 'Timeout' : undefined;
    const shown = polled(decoding)
      ?.filter(({ happened }) => happened !== 0)
      .map(({ fd, happened }) => `{fd=${String(fd)}, revents=${formatBits(happened, EVENTS)}}`);
    if (shown === undefined) return undefined;
    return [`[${shown.join(', ')}]`, ...(hasTimespec ? left(decoding, 2, 'nsec') : [])].join(', ');
  };

const selectNote =
  (unit: 'nsec' | 'usec') =>
  (decoding: Decoding): string | undefined => {
    const { result = -1 } = decoding;
    if (result <= 0) return result === 0 ? 'Timeout' : undefined;
    const sets = (['in', 'out', 'except'] as const).flatMap((name, position) => {
      const members = setAt(decoding, (position + 1) as ArgumentIndex);
      return members === undefined || members.length === 0
        ? []
        : [`${name} [${members.join(' ')}]`];
    });
    return [...sets, ...left(decoding, 4, unit)].join(', ');
  };

export const waitFormats = {
  'poll-list': pollList,
  'descriptor-set': set,
  'mask-pair': maskPair,
} satisfies Record<string, Decoder>;

export const waitNotes = {
  poll: pollNote(false),
  ppoll: pollNote(true),
  select: selectNote('usec'),
  pselect: selectNote('nsec'),
};
