/** The settings of the terminal that this process has, kept while something else may change them. */
import { isatty } from 'node:tty';
import { hostFiles } from './host-files.js';

/** ioctl_tty(2), <asm-generic/ioctls.h>. */
const TCGETS = 0x5401;
const TCSETS = 0x5402;
/** Bytes of the kernel's struct termios. */
const TERMIOS_SIZE = 36;

/** Notes the terminal's settings; what it gives puts them back where they have changed. */
export function keepTerminalSettings(): () => void {
  const fd = [0, 1, 2].find(isatty);
  const before = fd === undefined ? undefined : readSettings(fd);
  if (fd === undefined || before === undefined) return () => undefined;
  return () => {
    const now = readSettings(fd);
    // Unchanged ones are left alone: setting them from the background would stop this process.
    if (now !== undefined && !before.equals(now)) hostFiles.ioctlFd(fd, TCSETS, before);
  };
}

function readSettings(fd: number): Buffer | undefined {
  const settings = Buffer.alloc(TERMIOS_SIZE);
  return hostFiles.ioctlFd(fd, TCGETS, settings) < 0 ? undefined : settings;
}
