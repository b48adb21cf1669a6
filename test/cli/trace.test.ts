/** What `ringfence trace` makes of events and of its options. No KVM needed. */
import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../src/options.js';
import { parseStringLimit } from '../../src/cli/trace-options.js';
import { TraceLines, type LineOptions } from '../../src/trace/lines.js';
import { parseExpression } from '../../src/trace/selection.js';
import { TraceSummary } from '../../src/trace/summary.js';
import { ringfence } from './command.js';

const attached = (tid: number, parent?: number): TraceEvent => ({
  kind: 'attached',
  time: 0,
  tid,
  pid: tid,
  parent,
  program: 'sh',
});
const entered = (
  tid: number,
  time: number,
  name: string,
  args: string[],
  isCut = false,
): TraceEvent => ({
  kind: 'entered',
  tid,
  time,
  number: 0,
  name,
  args,
  isCut,
});
const waits = (tid: number): TraceEvent => ({ kind: 'waits', tid, time: 0 });
const answered = (
  tid: number,
  time: number,
  args: string[],
  result: string,
  busy = 0,
): TraceEvent => ({
  kind: 'answered',
  tid,
  time,
  args,
  result,
  failed: result.startsWith('-1'),
  busy,
});
const ended = (tid: number): TraceEvent => ({ kind: 'ended', tid, time: 0, how: 'exited with 0' });

function linesOf(events: readonly TraceEvent[], options?: LineOptions): string[] {
  let text = '';
  const lines = new TraceLines((part) => (text += part), options);
  for (const event of events) lines.onEvent(event);
  return text.split('\n').slice(0, -1);
}

describe('lines', () => {
  const TWO = [
    attached(1),
    attached(2, 1),
    entered(1, 0, 'read', ['0'], true),
    waits(1),
    entered(2, 1, 'close', ['3']),
    answered(2, 2, [], '0'),
    answered(1, 3, ['"x"', '1'], '1'),
    ended(2),
    entered(1, 4, 'pause', []),
    waits(1),
    ended(1),
  ];

  it('halve a call where another task comes between, and name the task while there are two', () => {
    expect(linesOf(TWO)).toEqual([
      'ringfence: Process 2 attached',
      '[pid     1] read(0,  <unfinished ...>',
      '[pid     2] close(3)                    = 0',
      '[pid     1] <... read resumed>"x", 1)   = 1',
      '[pid     2] +++ exited with 0 +++',
      'pause()                                 = ?',
      '+++ exited with 0 +++',
    ]);
  });

  it('name the task in front of each in a file', () => {
    expect(linesOf(TWO, { pids: 'always', quiet: 2 })[0]).toBe('1     read(0,  <unfinished ...>');
  });

  it('are whole where only some ends are shown', () => {
    expect(linesOf(TWO, { statuses: new Set(['successful']), quiet: 2 })).toEqual([
      '[pid     2] close(3)                    = 0',
      '[pid     1] read(0, "x", 1)             = 1',
    ]);
  });

  it('say when, how long after the one before, and how long it took', () => {
    const events = [entered(1, 0, 'a', []), answered(1, 1.5, [], '0'), entered(1, 2000, 'b', [])];
    const timed = { timestamps: { relative: true }, durations: true };
    expect(linesOf([...events, answered(1, 2001, [], '0')], timed)).toEqual([
      '     0.000000 a()                       = 0 <0.001500>',
      '     2.000000 b()                       = 0 <0.001000>',
    ]);
    const at = -performance.timeOrigin + 1_000_000.25;
    const unix = [entered(1, at, 'a', []), answered(1, at, [], '0')];
    expect(linesOf(unix, { timestamps: { absolute: 'unix-us' } })[0]).toMatch(/^1000\.00025\d /);
    expect(linesOf(unix, { timestamps: { absolute: 'time-us' } })[0]).toMatch(
      /^\d\d:\d\d:40\.00025\d /,
    );
  });
});

describe('the table', () => {
  const calls = [
    ...[5, 7].flatMap((busy) => [entered(1, 0, 'read', []), answered(1, 9, [], '1', busy)]),
    entered(1, 0, 'open', []),
    answered(1, 40, [], '-1 ENOENT', 4),
  ];
  const tableOf = (options: ConstructorParameters<typeof TraceSummary>[0]): string[] => {
    const summary = new TraceSummary(options);
    for (const event of calls) summary.onEvent(event);
    return summary.toString().split('\n');
  };

  it('is that of strace', () => {
    expect(tableOf({})).toEqual([
      '% time     seconds  usecs/call     calls    errors syscall',
      '------ ----------- ----------- --------- --------- ----------------',
      ' 75.00    0.012000        6000         2           read',
      ' 25.00    0.004000        4000         1         1 open',
      '------ ----------- ----------- --------- --------- ----------------',
      '100.00    0.016000        5333         3         1 total',
      '',
    ]);
  });

  it('has other orders, and the time until the answer', () => {
    expect(tableOf({ wallClock: true })[2]).toMatch(/ 0\.040000 .* open$/);
    expect(tableOf({ sort: 'calls' })[2]).toMatch(/read$/);
    expect(tableOf({ sort: 'errors' })[2]).toMatch(/open$/);
    expect(tableOf({ sort: 'name' })[2]).toMatch(/open$/);
    expect(tableOf({ sort: 'nothing' })[2]).toMatch(/read$/);
  });
});

describe('an expression', () => {
  it('chooses calls by name, number, class and pattern', () => {
    expect(parseExpression('openat,3').calls).toEqual({
      numbers: new Set([257, 3]),
      inverted: false,
    });
    expect(parseExpression('trace=!close@64').calls).toEqual({
      numbers: new Set([3]),
      inverted: true,
    });
    expect(parseExpression('trace=/^mmap$').calls?.numbers).toEqual(new Set([9]));
    expect(parseExpression('trace=?nothing').calls?.numbers).toEqual(new Set());
    expect(parseExpression('trace=file').calls).toEqual(parseExpression('trace=%file').calls);
    expect(parseExpression('trace=all').calls).toEqual({ numbers: new Set(), inverted: true });
    expect(parseExpression('trace=none').calls).toEqual({ numbers: new Set(), inverted: false });
    expect(parseExpression('trace=!none').calls).toEqual({ numbers: new Set(), inverted: true });
  });

  it('chooses signals and statuses', () => {
    expect(parseExpression('signal=INT,SIGTERM,9').signals).toEqual(new Set([2, 15, 9]));
    expect(parseExpression('signal=!SIGCHLD').signals?.size).toBe(63);
    expect(parseExpression('signal=none').signals?.size).toBe(0);
    expect(parseExpression('status=!failed').statuses).toEqual(
      new Set(['successful', 'unfinished']),
    );
  });
});

describe('usage', () => {
  it.each<[string, string[], RegExp]>([
    ['a call that is none', ['-e', 'trace=nosuch'], /no system call "nosuch"/],
    ['no call', ['-e', 'trace='], /no system call ""/],
    ['a signal that is none', ['-e', 'signal=HUH'], /no signal "HUH"/],
    ['a status that is none', ['-e', 'status=fine'], /a status is successful/],
    ['what it does not do', ['-e', 'inject=open:error=EIO'], /takes trace=, signal= and status=/],
    ['an expression that is none', ['-e', 'trace=/['], /no regular expression/],
    ['an order that is none', ['-c', '-S', 'size'], /Allowed choices/],
    ['a limit that is none', ['-s', '-1'], /whole number from 0/],
    ['a file that nobody can make', ['-o', '/nonexistent/t'], /--output: ENOENT/],
    ['a page that nobody can make', ['--html', '/nonexistent/t'], /--html: ENOENT/],
    ['a missing root', ['--rootfs', '/nonexistent'], /--rootfs: \/nonexistent is not there/],
  ])('%s', (_name, args, message) => {
    const { status, stdout, stderr } = ringfence(['trace', ...args, '--', '/bin/true']);
    expect(stderr).toMatch(message);
    expect(stdout).toBe('');
    expect(status).toBe(125);
  });

  it('bounds what is read of a string', () => {
    expect(parseStringLimit('65536')).toBe(65536);
    expect(() => parseStringLimit('65537')).toThrow();
    expect(() => parseStringLimit('1e3')).toThrow();
  });
});
