/** What users can do wrong, and what fails under them: clear errors, on whatever thread the sandbox lives. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxProcess, UserFileSystem } from '../../src/index.js';
import { run, runIn, Sandbox, StartError } from '../../src/index.js';
import { describeKvm } from '../kvm.js';
import { patience } from '../patience.js';
import { ROOT } from '../real/outcome.js';

const MEMORY = { memory: 128 * 1024 ** 2 };

/** Runs `script` in a process of its own, and gives what it prints. */
async function printed(script: string): Promise<string> {
  const library = JSON.stringify(join(ROOT, 'dist/index.js'));
  const source = `import { run, Sandbox } from ${library};
    process.on('uncaughtException', ({ message }) => console.log('uncaught', message));
    ${script}`;
  const args = ['--input-type=module', '-e', source];
  const timeout = patience(20_000);
  return (await promisify(execFile)(process.execPath, args, { timeout })).stdout;
}

function closed(child: SandboxProcess): Promise<void> {
  return new Promise((resolve) => child.on('close', () => resolve()));
}

function describeMisuse(thread: 'worker' | 'caller'): void {
  const options = { ...MEMORY, thread };
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await Sandbox.create(options);
  });
  afterAll(() => sandbox.dispose());

  const nothing = (): void => undefined;

  it.each<readonly [string, readonly unknown[]]>([
    ['a function for an argument', ['/bin/true', [nothing]]],
    ['a number for an argument', ['/bin/true', [5]]],
    ['a function for a command', [nothing]],
    ['no array of arguments', ['/bin/true', null]],
    ['a function for a working directory', ['/bin/true', [], { cwd: nothing }]],
    ['a symbol for argv[0]', ['/bin/true', [], { argv0: Symbol('name') }]],
    ['a function in the environment', ['/bin/true', [], { env: [nothing] }]],
    ['a string for the environment', ['/bin/true', [], { env: 'PATH=/bin' }]],
    ['a function for a user', ['/bin/true', [], { uid: nothing }]],
  ])('is refused: %s', async (_name, args) => {
    await expect(sandbox.start(...(args as Parameters<Sandbox['start']>))).rejects.toThrow(
      TypeError,
    );
    expect(() => sandbox.spawn(...(args as Parameters<Sandbox['spawn']>))).toThrow(TypeError);
  });

  it('is refused: what is no stream, no limit, no trace', async () => {
    const start = (streams: object): Promise<unknown> => sandbox.start('/bin/true', [], streams);
    await expect(start({ stdout: 'pipe' })).rejects.toThrow(TypeError);
    await expect(start({ stdin: [Buffer.from('x')] })).rejects.toThrow('async iterable');
    const spawn = (limits: object) => (): unknown => sandbox.spawn('/bin/true', [], limits);
    expect(spawn({ timeout: 'soon' })).toThrow(TypeError);
    expect(spawn({ signal: {} })).toThrow(TypeError);
    const trace = {} as { onEvent: () => void };
    await expect(Sandbox.create({ ...options, trace })).rejects.toThrow(TypeError);
  });

  it('takes strings from a source as UTF-8', async () => {
    const stdin = Readable.from(['abc', '5', 'ä']);
    expect(await runIn(sandbox, '/bin/cat', [], { stdin })).toMatchObject({ stdout: 'abc5ä' });
  });

  it.each<readonly [string, () => unknown, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('next');
      },
      nothing,
    ],
    ['gives what is no promise', () => ({ done: true }), nothing],
    ['gives what is no bytes', () => Promise.resolve({ value: 5 }), nothing],
    [
      'throws as it is ended',
      () => Promise.resolve({ done: true }),
      () => {
        throw new Error('return');
      },
    ],
  ])('takes a source that %s as ended', async (_name, next, end) => {
    const iterator = { next, return: end } as unknown as AsyncIterator<Uint8Array>;
    const stdin = { [Symbol.asyncIterator]: () => iterator };
    expect(await runIn(sandbox, '/bin/cat', [], { stdin })).toMatchObject({ stdout: '' });
  });

  const circular = new Error('a cause of itself');
  circular.cause = circular;
  const unreadable = Object.defineProperty(new Error(), 'message', {
    get: () => {
      throw new Error('no message');
    },
  });
  it.each<readonly [string, unknown]>([
    ['an error that is its own cause', circular],
    ['an object without a prototype', Object.create(null)],
    ['an error whose message is none', Object.assign(new Error(), { message: nothing })],
    ['an error that cannot be read', unreadable],
  ])('tells a program EIO where a file system throws %s', async (_name, thrown) => {
    const files: UserFileSystem = {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what is tested
      stat: () => Promise.reject(thrown),
      readdir: () => [],
      read: () => new Uint8Array(0),
    };
    const { stderr } = await run('/bin/ls', ['/own/file'], {
      ...options,
      mounts: { '/own': files },
    });
    expect(stderr).toContain('Input/output error');
  });

  it('makes an exception of what functions of the user throw', async () => {
    const said = await printed(`
      const thrower = (name) => () => { throw new Error(name); };
      const failing = { stat: thrower('stat'), readdir: () => [], read: () => new Uint8Array(0) };
      const options = { thread: ${JSON.stringify(thread)}, mounts: { '/own': failing } };
      const traced = [];
      const trace = { traced, onEvent({ kind }) { this.traced.push(kind); if (kind === 'ended') throw new Error('trace'); } };
      await run('/bin/true', [], { ...options, trace });
      console.log(traced.at(0));
      await run('/bin/ls', ['/own/file'], { ...options, onDefect: thrower('defect') });
      const { exitCode } = await run('/bin/echo', [], { ...options, stdout: thrower('output') });
      console.log(exitCode);`);
    expect(said.split('\n').sort()).toEqual([
      '',
      '0',
      'attached',
      'uncaught defect',
      'uncaught output',
      'uncaught trace',
    ]);
  });

  it('lets Node.js end after what it has refused', async () => {
    const said = await printed(`
      const refused = async (attempt) => {
        try { await attempt(); } catch (error) { console.log(error instanceof TypeError); }
      };
      const thread = ${JSON.stringify(thread)};
      await refused(() => Sandbox.create({ thread, net: () => 1 }));
      const sandbox = await Sandbox.create({ thread });
      await refused(() => sandbox.start('/bin/true', [() => 1]));
      await refused(() => sandbox.spawn('/bin/true', [], { signal: {} }));`);
    expect(said).toBe('true\ntrue\ntrue\n');
  });

  it('fails programs that are on their way when the sandbox is disposed of', async () => {
    let ask: () => void = nothing;
    const asked = new Promise<void>((resolve) => {
      ask = resolve;
    });
    const answers: (() => void)[] = [];
    const stat = (): Promise<{ type: 'file' }> => {
      ask();
      return new Promise((resolve) => {
        answers.push(() => resolve({ type: 'file' }));
      });
    };
    const files = { stat, readdir: () => [], read: () => new Uint8Array(0) };
    const other = await Sandbox.create({ ...options, mounts: { '/own': files } });
    const started = other.start('/own/program').catch((error: unknown) => error);
    const child = other.spawn('/own/program', [], {
      stdio: ['pipe', new PassThrough(), 'pipe'],
    });
    const failed = new Promise((resolve) => child.on('error', resolve));
    const end = closed(child);
    await asked;
    const disposal = other.dispose();
    await disposal;
    // On this thread a start waits for its answer whatever becomes of the sandbox.
    if (thread === 'caller') for (const answer of answers) answer();
    expect(await started).toBeInstanceOf(StartError);
    expect(await failed).toBeInstanceOf(StartError);
    await end;
  });
}

describeKvm('misuse of a sandbox on a worker', () => describeMisuse('worker'));
describeKvm('misuse of a sandbox on the thread of the caller', () => describeMisuse('caller'));

describe('a sandbox on a worker', () => {
  it('is refused options that are no data', async () => {
    const refused = (options: object): Promise<unknown> =>
      expect(Sandbox.create(options)).rejects.toThrow('options of a sandbox on a worker are data');
    await refused({ hostname: () => 1 });
    await refused({ thread: 'own', binds: [{ host: '/tmp', guest: '/tmp', note: () => 1 }] });
  });
});

describeKvm('output on its way to a busy thread', () => {
  it('makes a program wait, however little each write gives', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringfence-busy-'));
    try {
      const clock = new Int32Array(new SharedArrayBuffer(4));
      let total = 0;
      let isAhead = false;
      const stdout = (bytes: Uint8Array): void => {
        const until = total === 0 ? performance.now() + patience(3000) : 0;
        total += bytes.length;
        while (performance.now() < until && !isAhead) {
          Atomics.wait(clock, 0, 0, 10);
          isAhead = existsSync(join(folder, 'over'));
        }
      };
      const script = 'dd if=/dev/zero bs=1 count=20000 2>/dev/null; echo >/shared/over';
      const binds = [{ host: folder, guest: '/shared' }];
      await run('/bin/sh', ['-c', script], { ...MEMORY, binds, stdout });
      expect([isAhead, total]).toEqual([false, 20_000]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
