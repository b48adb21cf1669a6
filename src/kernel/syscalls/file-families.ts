/** The system calls about files and descriptors. */
import { rows as directoryRows } from './directory.js';
import { rows as epollRows } from './epoll.js';
import { rows as eventRows } from './event-descriptors.js';
import { rows as copyRows } from './file-copy.js';
import { rows as descriptorRows } from './file-descriptors.js';
import { rows as inotifyRows } from './inotify.js';
import { rows as ioRows } from './file-io.js';
import { rows as ioctlRows } from './file-ioctl.js';
import { rows as lockRows } from './file-locks.js';
import { rows as openRows } from './file-open.js';
import { rows as openHowRows } from './open-how.js';
import { rows as sizeRows } from './file-size.js';
import { rows as xattrRows } from './file-xattr.js';
import { rows as attributeRows } from './path-attributes.js';
import { rows as createRows } from './path-create.js';
import { rows as removeRows } from './path-remove.js';
import { rows as timesRows } from './path-times.js';
import { rows as pollRows } from './poll.js';
import type { SyscallRow } from './row.js';
import { rows as selectRows } from './select.js';
import { rows as socketRows } from './socket.js';
import { rows as socketOptionRows } from './socket-options.js';
import { rows as socketReceiveRows } from './socket-receive.js';
import { rows as socketSendRows } from './socket-send.js';
import { rows as spliceRows } from './splice.js';
import { rows as statRows } from './stat.js';

export const fileRows: readonly SyscallRow[] = [
  ...ioRows,
  ...openRows,
  ...openHowRows,
  ...descriptorRows,
  ...lockRows,
  ...sizeRows,
  ...copyRows,
  ...spliceRows,
  ...ioctlRows,
  ...xattrRows,
  ...statRows,
  ...directoryRows,
  ...createRows,
  ...removeRows,
  ...attributeRows,
  ...timesRows,
  ...pollRows,
  ...selectRows,
  ...socketRows,
  ...socketSendRows,
  ...socketReceiveRows,
  ...socketOptionRows,
  ...epollRows,
  ...inotifyRows,
  ...eventRows,
];
