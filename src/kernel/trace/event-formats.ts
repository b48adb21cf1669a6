/** Arguments of epoll(7), eventfd(2), timerfd_create(2), signalfd(2) and splice(2). */
import { EPOLL_EVENT_SIZE } from '../abi/epoll.js';
import { filled, pointedBytes, type Decoder } from './decoding.js';
import { formatBits, type NamedBit } from './flag-names.js';

const EVENTS: readonly NamedBit[] = [
  [0x1, 'EPOLLIN'],
  [0x2, 'EPOLLPRI'],
  [0x4, 'EPOLLOUT'],
  [0x40, 'EPOLLRDNORM'],
  [0x80, 'EPOLLRDBAND'],
  [0x100, 'EPOLLWRNORM'],
  [0x200, 'EPOLLWRBAND'],
  [0x400, 'EPOLLMSG'],
  [0x8, 'EPOLLERR'],
  [0x10, 'EPOLLHUP'],
  [0x2000, 'EPOLLRDHUP'],
  [0x10000000, 'EPOLLEXCLUSIVE'],
  [0x20000000, 'EPOLLWAKEUP'],
  [0x40000000, 'EPOLLONESHOT'],
  [0x80000000, 'EPOLLET'],
];

const INOTIFY_MASK: readonly NamedBit[] = [
  [0xfff, 'IN_ALL_EVENTS'],
  [0x1, 'IN_ACCESS'],
  [0x2, 'IN_MODIFY'],
  [0x4, 'IN_ATTRIB'],
  [0x18, 'IN_CLOSE'],
  [0x8, 'IN_CLOSE_WRITE'],
  [0x10, 'IN_CLOSE_NOWRITE'],
  [0x20, 'IN_OPEN'],
  [0xc0, 'IN_MOVE'],
  [0x40, 'IN_MOVED_FROM'],
  [0x80, 'IN_MOVED_TO'],
  [0x100, 'IN_CREATE'],
  [0x200, 'IN_DELETE'],
  [0x400, 'IN_DELETE_SELF'],
  [0x800, 'IN_MOVE_SELF'],
  [0x01000000, 'IN_ONLYDIR'],
  [0x02000000, 'IN_DONT_FOLLOW'],
  [0x04000000, 'IN_EXCL_UNLINK'],
  [0x10000000, 'IN_MASK_CREATE'],
  [0x20000000, 'IN_MASK_ADD'],
  [0x80000000, 'IN_ONESHOT'],
];

const OPERATIONS = [undefined, 'EPOLL_CTL_ADD', 'EPOLL_CTL_DEL', 'EPOLL_CTL_MOD'];

function formatEvent(bytes: Buffer, at: number): string {
  const events = formatBits(bytes.readUInt32LE(at), EVENTS);
  const data = `{u32=${String(bytes.readUInt32LE(at + 4))}, u64=${bytes.readBigUInt64LE(at + 4).toString()}}`;
  return `{events=${events}, data=${data}}`;
}

const eventList: Decoder = (decoding) => {
  const count = Math.min(decoding.result ?? 0, decoding.stringLimit);
  const bytes = pointedBytes(decoding, count * EPOLL_EVENT_SIZE);
  if (bytes === undefined) return undefined;
  const shown = Array.from({ length: count }, (_, i) => formatEvent(bytes, i * EPOLL_EVENT_SIZE));
  return `[${shown.join(', ')}${(decoding.result ?? 0) > count ? ', ...' : ''}]`;
};

const flags =
  (prefix: string, others: readonly NamedBit[] = []): Decoder =>
  ({ args, index }) =>
    formatBits(args.argumentUint(index), [
      [0o2000000, `${prefix}_CLOEXEC`],
      [0o4000, `${prefix}_NONBLOCK`],
      ...others,
    ]);

export const eventFormats = {
  'epoll-create-flags': flags('EPOLL'),
  'epoll-operation': ({ args, index }) =>
    OPERATIONS[args.argumentInt(index)] ?? String(args.argumentInt(index)),
  'epoll-event': (decoding) => {
    const bytes = pointedBytes(decoding, EPOLL_EVENT_SIZE);
    return bytes && formatEvent(bytes, 0);
  },
  'eventfd-flags': flags('EFD', [[1, 'EFD_SEMAPHORE']]),
  'timerfd-flags': flags('TFD'),
  'timerfd-set-flags': ({ args, index }) =>
    formatBits(args.argumentUint(index), [
      [1, 'TFD_TIMER_ABSTIME'],
      [2, 'TFD_TIMER_CANCEL_ON_SET'],
    ]),
  'signalfd-flags': flags('SFD'),
  'splice-flags': ({ args, index }) =>
    formatBits(args.argumentUint(index), [
      [1, 'SPLICE_F_MOVE'],
      [2, 'SPLICE_F_NONBLOCK'],
      [4, 'SPLICE_F_MORE'],
      [8, 'SPLICE_F_GIFT'],
    ]),
  'inotify-flags': flags('IN'),
  'inotify-mask': ({ args, index }) => formatBits(args.argumentUint(index), INOTIFY_MASK),
} satisfies Record<string, Decoder>;

export const eventOutputFormats = {
  'epoll-events-out': filled(eventList),
} satisfies Record<string, Decoder>;
