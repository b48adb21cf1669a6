/** Events of poll(2). */
export const Poll = {
  IN: 0x001,
  PRI: 0x002,
  OUT: 0x004,
  ERR: 0x008,
  HUP: 0x010,
  NVAL: 0x020,
  RDNORM: 0x040,
  RDBAND: 0x080,
  WRNORM: 0x100,
  WRBAND: 0x200,
  RDHUP: 0x2000,
} as const;

export const POLL_READABLE = Poll.IN | Poll.RDNORM;
export const POLL_WRITABLE = Poll.OUT | Poll.WRNORM;

/** Bytes of struct pollfd. */
export const POLLFD_SIZE = 8;

/** What select(2) calls readable, writable and exceptional. */
export const SELECT_READ = Poll.RDNORM | Poll.RDBAND | Poll.IN | Poll.HUP | Poll.ERR;
export const SELECT_WRITE = Poll.WRBAND | Poll.WRNORM | Poll.OUT | Poll.ERR;
export const SELECT_EXCEPT = Poll.PRI;
