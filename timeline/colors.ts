/** Colours of calls, by what they are about. */
interface Kind {
  readonly name: string;
  readonly color: string;
  readonly pattern: RegExp;
}

export const KINDS: readonly Kind[] = [
  {
    name: 'waiting',
    color: '#b07aa1',
    pattern: /poll|select|epoll|wait|nanosleep|pause|futex|sigsuspend|timer/,
  },
  {
    name: 'memory',
    color: '#59a14f',
    pattern: /mmap|munmap|mprotect|brk|madvise|mremap|mlock|shm/,
  },
  {
    name: 'network',
    color: '#e8a33d',
    pattern: /socket|connect|accept|bind|listen|send(to|m)|recv|sockname|peername|sockopt|shutdown/,
  },
  { name: 'tasks', color: '#d1495b', pattern: /clone|fork|exec|exit|kill|sig|prctl|tid|pid|sched/ },
  {
    name: 'files',
    color: '#4e79a7',
    pattern: /read|write|open|close|stat|seek|fcntl|ioctl|dir|link|access|dup|pipe|path|sync|chmod/,
  },
];

const OTHER = '#8a8a8a';
const known = new Map<string, string>();

export function colorOf(call: string): string {
  let color = known.get(call);
  if (color === undefined) {
    color = KINDS.find(({ pattern }) => pattern.test(call))?.color ?? OTHER;
    known.set(call, color);
  }
  return color;
}
