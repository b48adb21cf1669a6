/** Requests of ioctl(2) that terminals and all descriptors know (ioctl_tty(2), <asm-generic/ioctls.h>). */
export const Ioctl = {
  TCGETS: 0x5401,
  TCSETS: 0x5402,
  TCSETSW: 0x5403,
  TCSETSF: 0x5404,
  TCSBRK: 0x5409,
  TCXONC: 0x540a,
  TCFLSH: 0x540b,
  TIOCSCTTY: 0x540e,
  TIOCGPGRP: 0x540f,
  TIOCSPGRP: 0x5410,
  TIOCOUTQ: 0x5411,
  TIOCGWINSZ: 0x5413,
  TIOCSWINSZ: 0x5414,
  FIONREAD: 0x541b,
  FIONBIO: 0x5421,
  TIOCNOTTY: 0x5422,
  TCSBRKP: 0x5425,
  TIOCGSID: 0x5429,
  FIONCLEX: 0x5450,
  FIOCLEX: 0x5451,
  FIOASYNC: 0x5452,
  TCGETS2: 0x802c542a,
  TCSETS2: 0x402c542b,
  TCSETSW2: 0x402c542c,
  TCSETSF2: 0x402c542d,
} as const;

/** The kernel's struct termios and struct termios2, struct winsize. */
export const TERMIOS_SIZE = 36;
export const TERMIOS2_SIZE = 44;
export const WINSIZE_SIZE = 8;
