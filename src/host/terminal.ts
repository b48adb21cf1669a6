/** Terminals of the host. */
import { hostFiles } from './host-files.js';

/** <asm-generic/ioctls.h> */
const TCGETS = 0x5401;
/** Bytes of the kernel's struct termios. */
const TERMIOS_SIZE = 36;

/** As isatty(3). */
export function isTerminal(fd: number): boolean {
  return hostFiles.ioctlFd(fd, TCGETS, new Uint8Array(TERMIOS_SIZE)) === 0;
}
