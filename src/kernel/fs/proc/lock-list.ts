/** /proc/locks, proc(5): the locks that programs hold on files. */
import { deviceMajor, deviceMinor, StatRecord } from '../../abi/stat.js';
import type { Caller } from '../caller.js';
import { FileLocks } from '../locks/file-locks.js';

/** `pid` of the locks of open file descriptions. */
const NO_PROCESS = -1;

function hex(number: number): string {
  return number.toString(16).padStart(2, '0');
}

export function lockList(caller: Caller): string {
  const { kernel } = caller;
  const record = new StatRecord();
  const lines: string[] = [];
  for (const locks of kernel === undefined ? [] : FileLocks.holding(kernel.memory)) {
    locks.target.stat(record);
    const [major, minor] = [deviceMajor(record.device), deviceMinor(record.device)];
    const place = `${hex(major)}:${hex(minor)}:${String(record.inode)}`;
    const add = (kind: string, exclusive: boolean, pid: number, range: string): void => {
      const access = exclusive ? 'WRITE' : 'READ';
      const number = String(lines.length + 1);
      lines.push(`${number}: ${kind}  ADVISORY  ${access} ${String(pid)} ${place} ${range}\n`);
    };
    for (const { exclusive, pid } of locks.whole) {
      add('FLOCK', exclusive, pid, '0 EOF');
    }
    for (const { exclusive, pid, start, end } of locks.ranges.all()) {
      const range = `${String(start)} ${end === Infinity ? 'EOF' : String(end)}`;
      add(pid === NO_PROCESS ? 'OFDLCK' : 'POSIX', exclusive, pid, range);
    }
  }
  return lines.join('');
}
