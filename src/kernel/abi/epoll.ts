/** epoll(7), <sys/epoll.h>. Events are those of poll(2), and these. */
export const Epoll = {
  EXCLUSIVE: 1 << 28,
  WAKEUP: 1 << 29,
  ONESHOT: 1 << 30,
  ET: 1 << 31,
} as const;

export const EpollOperation = { ADD: 1, DEL: 2, MOD: 3 } as const;

/** Bytes of struct epoll_event, which is packed. */
export const EPOLL_EVENT_SIZE = 12;
