/** Where a sandbox lives: that it is on the thread that was asked for, and what crosses from one to the other. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { threadId } from 'node:worker_threads';
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { SandboxOptions, TraceEvent } from '../../src/index.js';
import { createPlatform, PlatformError, run, Sandbox, SyscallHookError } from '../../src/index.js';
import { describeKvm } from '../kvm.js';
import { patience } from '../patience.js';
import { ROOT } from '../real/outcome.js';

const MEMORY = { memory: 128 * 1024 ** 2 };
/** What the open descriptors of this process are of; '' for the one of the listing itself, closed by then. */
const descriptors = (): readonly string[] =>
  readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
/** dash asks once who its parent is. */
const ASK = ['-c', 'echo $PPID'] as const;

describeKvm('a sandbox', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringfence-threads-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const module = (name: string, source: string): URL => {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(path, source);
    return pathToFileURL(path);
  };
  const tellsThread = (): URL =>
    module(
      'thread',
      `import { threadId } from 'node:worker_threads';
       export default { getppid: () => threadId };`,
    );
  const threadOf = async (sandbox: Sandbox): Promise<number> => {
    const child = sandbox.spawn('/bin/sh', ASK);
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await once(child, 'close');
    return Number(said);
  };

  it('is on a worker that it shares, on one of its own, or on the thread of the caller', async () => {
    const onSyscall = tellsThread();
    const create = (thread?: 'worker' | 'own'): Promise<Sandbox> =>
      Sandbox.create({ ...MEMORY, onSyscall, ...(thread === undefined ? {} : { thread }) });
    const sandboxes = [await create(), await create('worker'), await create('own')];
    const threads = await Promise.all(sandboxes.map(threadOf));
    expect(threads.every((id) => id > threadId)).toBe(true);
    expect(threads[0]).toBe(threads[1]);
    expect(threads[2]).not.toBe(threads[0]);
    for (const sandbox of sandboxes) await sandbox.dispose();
    const ours = { ...MEMORY, onSyscall: { getppid: () => 1000 + threadId } };
    expect((await run('/bin/sh', ASK, ours)).stdout).toBe(`${1000 + threadId}\n`);
  });

  it('is refused where its thread has not what it needs', async () => {
    const refused = (options: object): Promise<unknown> =>
      expect(Sandbox.create({ ...MEMORY, ...options })).rejects.toThrow(TypeError);
    await refused({ thread: 'main' });
    await refused({ thread: 'worker', onSyscall: () => undefined });
    await refused({ thread: 'caller', onSyscall: tellsThread() });
    await refused({ onSyscall: module('wrong', 'export default 5;') });
    await refused({ onSyscall: module('unknown', 'export default { getpidd() {} };') });
    const missing = Sandbox.create({
      ...MEMORY,
      onSyscall: pathToFileURL(join(folder, 'none.mjs')),
    });
    await expect(missing).rejects.toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' });
    const platform = await createPlatform(MEMORY);
    await refused({ platform, thread: 'worker' });
    platform.dispose();
  });

  it('names what a hook on a worker throws', async () => {
    const onSyscall = module(
      'throws',
      `export default { getppid() { throw new RangeError('no'); } };`,
    );
    const error: unknown = await run('/bin/sh', ASK, { ...MEMORY, onSyscall }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(SyscallHookError);
    expect(error).toMatchObject({ syscall: 'getppid', message: 'the hook of getppid failed: no' });
    expect((error as Error).cause).toBeInstanceOf(RangeError);
  });

  it.each(['worker', 'caller'] as const)('tells of every call, in its time: %s', async (thread) => {
    const events: TraceEvent[] = [];
    const begin = performance.now();
    const trace: SandboxOptions['trace'] = { onEvent: (event) => events.push(event) };
    const { stdout } = await run('/bin/sh', ['-c', 'echo a | cat'], { ...MEMORY, thread, trace });
    const end = performance.now();
    expect(stdout).toBe('a\n');
    const times = events.map(({ time }) => time);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(begin);
    expect(times.at(-1)).toBeLessThan(end);
    expect(events.filter(({ kind }) => kind === 'attached')).toHaveLength(3);
    expect(events.filter(({ kind }) => kind === 'ended')).toHaveLength(3);
    expect(events.filter((event) => 'name' in event && event.name === 'execve')).toHaveLength(2);
  });

  it('gives a function all that is written, however much is on its way', async () => {
    let total = 0;
    const stdout = (bytes: Uint8Array): void => {
      total += bytes.length;
    };
    const { exitCode } = await run('head', ['-c', '60000000', '/dev/zero'], { ...MEMORY, stdout });
    expect([exitCode, total]).toEqual([0, 60_000_000]);
  });

  it('leaves no descriptor of this process open', async () => {
    const once = async (): Promise<void> => {
      await run('/bin/sh', ['-c', 'echo to nobody >&2'], { ...MEMORY, stdin: 'inherit' });
    };
    // By KVM there is a machine for the next sandbox, once it has been opened: its vCPU comes last.
    const open = async (): Promise<number> => {
      while (!descriptors().some((target) => target.includes('kvm-vcpu'))) await sleep(1);
      return descriptors().length;
    };
    await once();
    const before = await open();
    for (let n = 0; n < 5; n++) await once();
    expect(await open()).toBe(before);
  });

  it('leaves nothing open where its thread ends under it', async () => {
    const onSyscall = module('leaves', `export default { getppid: () => process.exit() };`);
    const open = (): number => readdirSync('/proc/self/fd').length;
    const end = async (): Promise<void> => {
      const sandbox = await Sandbox.create({ ...MEMORY, onSyscall, thread: 'own' });
      const { ended } = await sandbox.start('/bin/sh', ASK);
      await expect(ended).rejects.toThrow(PlatformError);
      await sandbox.dispose();
    };
    await end();
    const before = open();
    for (let n = 0; n < 3; n++) await end();
    expect(open()).toBe(before);
  });

  it('whose thread ends fails, and the next has another', async () => {
    const onSyscall = module('ends', `export default { getppid: () => process.exit() };`);
    const sandbox = await Sandbox.create({ ...MEMORY, onSyscall });
    const neighbour = await Sandbox.create(MEMORY);
    const sleeping = await neighbour.start('/bin/sleep', ['1000']);
    const program = await sandbox.start('/bin/sh', ASK);
    await expect(program.ended).rejects.toThrow(PlatformError);
    await expect(sleeping.ended).rejects.toThrow('the thread of the sandbox has ended');
    await expect(sandbox.start('/bin/true')).rejects.toThrow(PlatformError);
    await Promise.all([sandbox.dispose(), neighbour.dispose()]);
    expect(await run('/bin/echo', ['alive'], MEMORY)).toMatchObject({ stdout: 'alive\n' });
  });

  it.each([
    [
      'that runs keeps Node.js from its end',
      `const { ended } = await s.start('/bin/sleep', ['0.3']);
       void ended.then(() => console.log('ended'));`,
      'ended\nend\n',
    ],
    ['that is idle does not', ``, 'end\n'],
    ['ends with its process', `await s.start('/bin/sleep', ['1000']); process.exit();`, 'end\n'],
    [
      'that computes ends with its process',
      `await s.start('/bin/sh', ['-c', 'while :; do :; done']); process.exit();`,
      'end\n',
    ],
    [
      'on a thread of its own ends with its process',
      `const o = await Sandbox.create({ thread: 'own' });
       await o.start('/bin/sh', ['-c', 'while :; do :; done']); process.exit();`,
      'end\n',
    ],
  ])('%s', { timeout: patience(60_000) }, async (_name, script, said) => {
    const source = `import { Sandbox } from ${JSON.stringify(join(ROOT, 'dist/index.js'))};
      process.on('exit', () => console.log('end'));
      const s = await Sandbox.create(); ${script}`;
    const args = ['--input-type=module', '-e', source];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
    expect([stdout, stderr]).toEqual([said, '']);
  });
});
