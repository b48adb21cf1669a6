/** The library: programs run, what they print, how they end, and that nothing is left of them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Platform } from '../../src/index.js';
import {
  createPlatform,
  OutputLimitError,
  run,
  runIn,
  Sandbox,
  StartError,
} from '../../src/index.js';
import { signalName } from '../../src/sandbox/program.js';
import { describeKvm } from '../kvm.js';

const MEMORY = { memory: 256 * 1024 ** 2 };

it('names signals as child_process does', () => {
  expect([1, 6, 9, 11, 29, 31].map(signalName)).toEqual([
    'SIGHUP',
    'SIGABRT',
    'SIGKILL',
    'SIGSEGV',
    'SIGIO',
    'SIGSYS',
  ]);
  expect([34, 40].map(signalName)).toEqual(['SIGRTMIN', 'SIGRTMIN+6']);
});

describeKvm('run', () => {
  it('gives what the program printed and how it ended', async () => {
    const script = 'echo out; echo err >&2; exit 5';
    expect(await run('/bin/sh', ['-c', script])).toEqual({
      exitCode: 5,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it('names the signal that ended the program', async () => {
    const { exitCode, signal } = await run('/bin/sh', ['-c', 'kill -SEGV $$']);
    expect(exitCode).toBeNull();
    expect(signal).toBe('SIGSEGV');
  });

  it('refuses a program that is not there', async () => {
    const error = await run('/nonexistent').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StartError);
    expect(error).toMatchObject({ code: 'ENOENT' });
  });

  it('names the error of what is no program', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringfence-run-'));
    try {
      const path = join(folder, 'text');
      writeFileSync(path, 'no program', { mode: 0o755 });
      const error = await run(path).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'StartError', code: 'ENOEXEC' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses what no argument of Linux can hold', async () => {
    const error = await run('/bin/echo', ['a\0b']).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'StartError', code: 'EINVAL' });
  });

  it('does nothing for a signal that is aborted already', async () => {
    await expect(run('/bin/true', [], { signal: AbortSignal.abort('no') })).rejects.toBe('no');
  });
});

describeKvm('a sandbox on a platform made before', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await createPlatform(MEMORY);
  });
  afterAll(() => platform.dispose());
  describeSandbox(() => Sandbox.create({ platform }));
});

describeKvm('a sandbox', () => describeSandbox(() => Sandbox.create(MEMORY)));

function describeSandbox(create: () => Promise<Sandbox>): void {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await create();
  });
  afterAll(() => sandbox.dispose());

  it('runs one program after another, which see each other’s files', async () => {
    const write = await runIn(sandbox, '/bin/sh', ['-c', 'echo kept > /tmp/kept']);
    expect(write).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await runIn(sandbox, 'cat', ['/tmp/kept'])).toMatchObject({ stdout: 'kept\n' });
  });

  it('gives input as text, bytes and a stream', async () => {
    expect((await runIn(sandbox, 'cat', [], { input: 'tëxt' })).stdout).toBe('tëxt');
    const bytes = Buffer.from([0, 255, 128, 10]);
    const binary = await runIn(sandbox, 'cat', [], { input: bytes, encoding: 'buffer' });
    expect(binary.stdout).toEqual(bytes);
    const stdin = Readable.from([Buffer.from('one '), Buffer.from('two')]);
    expect((await runIn(sandbox, 'cat', [], { stdin })).stdout).toBe('one two');
  });

  it('has no input and no environment by itself', async () => {
    expect((await runIn(sandbox, 'cat')).stdout).toBe('');
    expect((await runIn(sandbox, 'env', [], { env: {} })).stdout).toBe('');
    expect((await runIn(sandbox, 'env', [], { env: { A: '1' } })).stdout).toBe('A=1\n');
  });

  it('gives bytes as they are written to a function', async () => {
    const pieces: string[] = [];
    const stdout = (bytes: Uint8Array): void => {
      pieces.push(Buffer.from(bytes).toString());
    };
    const result = await runIn(sandbox, '/bin/sh', ['-c', 'echo 1; echo 2'], { stdout });
    expect(pieces).toEqual(['1\n', '2\n']);
    expect(result.stdout).toBe('');
  });

  it('ends a program that loops for ever, and stays of use', async () => {
    const options = { signal: AbortSignal.timeout(500) };
    const looping = runIn(sandbox, '/bin/sh', ['-c', 'while :; do :; done'], options);
    await expect(looping).rejects.toMatchObject({ name: 'TimeoutError' });
    expect((await runIn(sandbox, 'true')).exitCode).toBe(0);
  });

  it('ends a program that prints for ever', async () => {
    const printing = runIn(sandbox, 'yes', [], { maxBuffer: 100_000 });
    await expect(printing).rejects.toBeInstanceOf(OutputLimitError);
  });

  it('passes a signal on', async () => {
    const program = await sandbox.start('/bin/cat', [], { stdin: new Readable({ read() {} }) });
    program.kill('SIGTERM');
    expect(await program.ended).toEqual({ exitCode: null, signal: 'SIGTERM', signalNumber: 15 });
    program.kill('SIGTERM');
  });
}

describeKvm('disposal', () => {
  it('ends what runs, and is safe twice', async () => {
    const sandbox = await Sandbox.create();
    const program = await sandbox.start('/bin/sh', ['-c', 'while :; do :; done']);
    await Promise.all([sandbox.dispose(), sandbox.dispose()]);
    expect((await program.ended).signal).toBe('SIGKILL');
    await sandbox.dispose();
    await expect(sandbox.start('/bin/true')).rejects.toThrow(/disposed/);
  });
});

describeKvm('the example', () => {
  it('prints what it says', () => {
    const example = fileURLToPath(new URL('../../examples/sort.js', import.meta.url));
    const { stdout, stderr, status } = spawnSync(process.execPath, [example], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout).toBe('sorted: 1 9 10 100\n');
    expect(status).toBe(0);
  });
});
