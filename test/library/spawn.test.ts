/** Sandbox.spawn beside child_process.spawn: the same programs, the same events and streams. */
import * as native from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxProcess, SpawnOptions } from '../../src/index.js';
import { Sandbox } from '../../src/index.js';
import { describeKvm } from '../kvm.js';

type Spawn = (
  command: string,
  args?: readonly string[],
  options?: SpawnOptions,
) => Pick<
  SandboxProcess,
  | 'stdin'
  | 'stdout'
  | 'stderr'
  | 'kill'
  | 'killed'
  | 'exitCode'
  | 'signalCode'
  | 'spawnargs'
  | 'pid'
> &
  NodeJS.EventEmitter;

const shell = (spawn: Spawn, script: string, options?: SpawnOptions): ReturnType<Spawn> =>
  spawn('/bin/sh', ['-c', script], options);

/** What is emitted, in order, until `close`. */
async function eventsOf(child: ReturnType<Spawn>): Promise<string[]> {
  const events: string[] = [];
  for (const name of ['spawn', 'exit', 'close']) {
    child.on(name, (...args: unknown[]) => events.push([name, ...args.map(String)].join(' ')));
  }
  child.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${error.code ?? '?'}`));
  await closed(child);
  return events;
}

/** Unlike `once`, it does not mind errors. */
function closed(child: ReturnType<Spawn>): Promise<void> {
  return new Promise((resolve) => child.on('close', () => resolve()));
}

async function outputOf(child: ReturnType<Spawn>): Promise<string> {
  return child.stdout === null ? 'none' : text(child.stdout);
}

/** Each gives what is to be the same natively and in a sandbox. */
const scenarios: Readonly<Record<string, (spawn: Spawn) => Promise<unknown>>> = {
  'a program that prints and exits': async (spawn) => {
    const child = shell(spawn, 'echo out; echo err >&2; exit 3');
    const [stdout, stderr, events] = await Promise.all([
      outputOf(child),
      child.stderr && text(child.stderr),
      eventsOf(child),
    ]);
    return { stdout, stderr, events, code: child.exitCode, args: child.spawnargs };
  },
  'more input and output than pipes hold': async (spawn) => {
    const child = spawn('/bin/cat');
    const sent = 'a line of no importance\n'.repeat(20_000);
    child.stdin?.end(sent);
    const received = await outputOf(child);
    return received === sent;
  },
  'a program ahead of its reader': async (spawn) => {
    const child = shell(spawn, 'echo begin >&2; head -c 1000000 /dev/zero; echo over >&2');
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
    while (said === '') await delay(5);
    await delay(100);
    const before = said;
    const end = closed(child);
    const { length } = await outputOf(child);
    await end;
    return { before, length, said };
  },
  'a program that is killed': async (spawn) => {
    const child = shell(spawn, 'echo up; exec sleep 1000');
    await once(child.stdout as Readable, 'data');
    const results = [child.killed, child.kill(0), child.kill('SIGINT')];
    const events = await eventsOf(child);
    return { results, events, after: [child.kill(), child.killed, child.exitCode] };
  },
  'a number for a signal': async (spawn) => {
    const child = shell(spawn, 'trap "exit 7" USR1; echo up; while :; do sleep 0.01; done');
    await once(child.stdout as Readable, 'data');
    child.kill(10);
    return eventsOf(child);
  },
  'a signal that is aborted': async (spawn) => {
    const abort = new AbortController();
    const options = { signal: abort.signal, killSignal: 'SIGKILL' } as const;
    const child = shell(spawn, 'echo up; exec sleep 1000', options);
    await once(child.stdout as Readable, 'data');
    const error = new Promise<Error>((resolve) => child.on('error', resolve));
    const events = eventsOf(child);
    abort.abort(new Error('why'));
    const { name, cause } = await error;
    return { name, cause: String(cause), events: await events };
  },
  'a signal that was aborted before': async (spawn) => {
    const child = spawn('/bin/sleep', ['1000'], { signal: AbortSignal.abort() });
    return (await eventsOf(child)).sort();
  },
  'a time limit': async (spawn) =>
    eventsOf(spawn('/bin/sleep', ['1000'], { timeout: 100, killSignal: 'SIGKILL' })),
  'a program that is not there': async (spawn) => {
    const child = spawn('/nonexistent/program');
    const events = await eventsOf(child);
    return { events, pid: child.pid };
  },
  'a program without permission': async (spawn) => eventsOf(spawn('/etc/passwd')),
  'a child that outlives the program': async (spawn) => {
    const child = shell(spawn, '(sleep 0.2; echo late) & exit 4');
    const order: string[] = [];
    child.stdout?.on('data', (chunk: Buffer) => order.push(`data ${chunk.toString()}`));
    child.on('exit', () => order.push('exit'));
    child.on('close', () => order.push('close'));
    await once(child, 'close');
    return order;
  },
  'input that nobody reads': async (spawn) => {
    const child = shell(spawn, 'exec 0<&-; echo closed; exec sleep 1000');
    await once(child.stdout as Readable, 'data');
    const failed = once(child, 'never').catch(() => undefined);
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
      child.stdin?.on('error', resolve);
      child.stdin?.write('x');
    });
    child.kill();
    await Promise.race([failed, once(child, 'close')]);
    return { code: error.code, syscall: error.syscall };
  },
  'a write that a program does not live to read': async (spawn) => {
    const child = spawn('/bin/sleep', ['0.1']);
    child.stdin?.on('error', () => undefined);
    const end = closed(child);
    const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
      child.stdin?.write(Buffer.alloc(1_000_000), resolve);
    });
    await end;
    return { code: error?.code, errno: error?.errno, syscall: error?.syscall };
  },
  'output that nobody listens to': async (spawn) => eventsOf(shell(spawn, 'echo unheard')),
  'a reader that goes away': async (spawn) => {
    const child = shell(spawn, 'echo first; while :; do echo more; done');
    await once(child.stdout as Readable, 'data');
    child.stdout?.destroy();
    return eventsOf(child);
  },
  'nothing for streams': async (spawn) => {
    const child = shell(spawn, 'read line; echo "$line" ; exit $?', { stdio: 'ignore' });
    return [child.stdin, child.stdout, child.stderr, ...(await eventsOf(child))];
  },
  'what null devices are': async (spawn) =>
    outputOf(shell(spawn, 'test -c /dev/stdin && echo device', { stdio: ['ignore', 'pipe'] })),
  'names and variables': async (spawn) => {
    const env = { GIVEN: 'yes', LEFT: undefined, PATH: '/usr/bin:/bin' };
    const child = spawn('sh', ['-c', 'env | grep -v ^_ | sort; tr "\\0" " " </proc/$$/cmdline'], {
      env,
      argv0: 'another',
      cwd: '/usr/bin',
    });
    return outputOf(child);
  },
  'descriptors of the caller': async (spawn) => {
    const folder = mkdtempSync(join(tmpdir(), 'ringfence-spawn-'));
    const fd = openSync(join(folder, 'out'), 'w');
    try {
      const child = shell(spawn, 'echo to file; echo to five >&5', {
        stdio: ['ignore', fd, 'ignore', 'ignore', 'ignore', fd],
      });
      const events = await eventsOf(child);
      return { events, contents: readFileSync(join(folder, 'out'), 'utf8') };
    } finally {
      closeSync(fd);
      rmSync(folder, { recursive: true });
    }
  },
};

function describeSpawn(platform: 'kvm' | 'ptrace', thread: 'worker' | 'caller'): void {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await Sandbox.create({ platform, thread, memory: 256 * 1024 ** 2 });
  });
  afterAll(() => sandbox.dispose());
  const inside: Spawn = (command, args, options) => sandbox.spawn(command, args, options);
  const outside: Spawn = (command, args = [], options = {}) =>
    native.spawn(command, args, options as native.SpawnOptions) as unknown as ReturnType<Spawn>;

  it.each(Object.keys(scenarios))('shows %s as child_process does', async (name) => {
    const scenario = scenarios[name];
    const expected = await scenario?.(outside);
    expect(await scenario?.(inside)).toEqual(expected);
    expect(expected).toBeDefined();
  });

  it('runs as the user that is asked for', async () => {
    const child = shell(inside, 'id -u; id -g; id -G', { uid: 1234, gid: 5678 });
    expect(await outputOf(child)).toBe('1234\n5678\n5678\n');
  });

  it('reads from a stream and writes to another that have no descriptor', async () => {
    const target = new PassThrough();
    const child = sandbox.spawn('/bin/cat', [], {
      stdio: [Readable.from([Buffer.from('streamed')]), target, 'ignore'],
    });
    await once(child, 'close');
    target.end();
    expect(await text(target)).toBe('streamed');
  });

  it('delivers a signal that was sent before the program ran', async () => {
    const child = sandbox.spawn('/bin/sleep', ['1000']);
    expect([child.pid, child.kill('SIGKILL')]).toEqual([undefined, true]);
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });

  it('closes the streams of what runs when the sandbox is disposed of', async () => {
    const other = await Sandbox.create({ platform, thread, memory: 128 * 1024 ** 2 });
    const child = other.spawn('/bin/sleep', ['1000']);
    await once(child, 'spawn');
    const closed = once(child, 'close');
    await other.dispose();
    expect(await closed).toEqual([null, 'SIGKILL']);
    expect(() => other.spawn('/bin/true')).toThrow('disposed');
  });

  it('refuses options that make no sense', () => {
    const wrong = (options: object): (() => void) => {
      return () => void sandbox.spawn('/bin/true', [], options);
    };
    expect(wrong({ stdio: 'both' })).toThrow(TypeError);
    expect(wrong({ stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })).toThrow('only 0, 1 and 2');
    expect(wrong({ stdio: [new PassThrough().resume(), 'pipe', 987_654] })).toThrow('not open');
    expect(wrong({ killSignal: 'SIGNOT' })).toThrow('Unknown signal');
    expect(wrong({ uid: -1 })).toThrow('uid');
  });
}

describeKvm('spawn [kvm]', () => describeSpawn('kvm', 'worker'));
describeKvm('spawn on the thread of the caller [kvm]', () => describeSpawn('kvm', 'caller'));
describe('spawn [ptrace]', () => describeSpawn('ptrace', 'worker'));
