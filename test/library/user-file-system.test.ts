/** File systems that users write: what programs see of them, and what neither side can do to the other. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunOptions, RunResult, SandboxOptions, UserFileSystem } from '../../src/index.js';
import { run, Sandbox } from '../../src/index.js';
import { guest } from '../guests/build.js';
import { describeKvm } from '../kvm.js';

type Tree = ReadonlyMap<string, Uint8Array | { readonly link: string } | 'directory'>;

const mtime = new Date('2020-02-02T02:02:02Z');

function error(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Files in a map. `asked` is given every path. */
class TreeFiles implements UserFileSystem {
  constructor(
    readonly tree: Tree,
    readonly asked: (path: string) => void = () => undefined,
  ) {}

  #find(path: string): Uint8Array | { readonly link: string } | 'directory' {
    this.asked(path);
    const found = path === '/' ? 'directory' : this.tree.get(path);
    if (found === undefined) throw error('ENOENT');
    return found;
  }

  stat(path: string): ReturnType<UserFileSystem['stat']> {
    const found = this.#find(path);
    if (found === 'directory') return { type: 'directory', mode: 0o755, mtime };
    return found instanceof Uint8Array
      ? { type: 'file', size: found.length, mode: 0o755, mtime }
      : { type: 'symlink', size: found.link.length, mtime };
  }

  readdir(path: string): readonly string[] {
    this.#find(path);
    const prefix = path === '/' ? '/' : `${path}/`;
    return [...this.tree.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length))
      .filter((rest) => !rest.includes('/'));
  }

  read(path: string, offset: number, length: number): Uint8Array {
    const found = this.#find(path);
    return found instanceof Uint8Array
      ? found.subarray(offset, offset + length)
      : new Uint8Array(0);
  }

  readlink(path: string): string {
    const found = this.#find(path);
    return typeof found === 'object' && 'link' in found ? found.link : '';
  }
}

/** The same with every answer late. */
function late(files: TreeFiles): UserFileSystem {
  const after = async <T>(answer: () => T | PromiseLike<T>): Promise<T> => {
    await delay(1);
    return answer();
  };
  return {
    stat: (path) => after(() => files.stat(path)),
    readdir: (path) => after(() => files.readdir(path)),
    read: (path, offset, length) => after(() => files.read(path, offset, length)),
    readlink: (path) => after(() => files.readlink(path)),
  };
}

const SCRIPT = `
cd /mnt
find . | sort
cat text folder/inner link chain; cat missing; cat folder; cat loop
ls -l text folder/inner; readlink link; ls missing
sha256sum large; tail -c 5 large; head -c 3 large; dd if=large bs=1 skip=1500000 count=4 2>&1 | head -c 4
echo x >new; echo x >>text; mkdir dir; rm text; mv text moved; chmod 700 text; touch text; ln -s a b
test -r text && echo readable; test -w text || echo not writable
./script one two; ./program 7; echo $?; script-in-path; cp text /tmp/copied; cat /tmp/copied
cd folder/../folder; pwd; cat ./inner ../text ../../mnt/text; cat ../text/inner
for i in 1 2 3 4 5 6 7 8; do cat /mnt/large | wc -c & done; wait
python3 -c "
import mmap
with open('/mnt/text') as f:
    m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
    print(m[:5])
"`;

function describeFiles(platform: 'kvm' | 'ptrace', thread: 'worker' | 'caller'): void {
  let folder: string;
  const tree = new Map<string, Uint8Array | { readonly link: string } | 'directory'>([
    ['/text', Buffer.from('a text\n')],
    ['/folder', 'directory'],
    ['/folder/inner', Buffer.from('inside\n')],
    ['/folder/ünïcode', Buffer.from('')],
    ['/empty', 'directory'],
    ['/link', { link: 'folder/inner' }],
    ['/chain', { link: '/mnt/link' }],
    ['/loop', { link: 'loop' }],
    ['/large', Buffer.alloc(2_500_000, 'large contents ')],
    ['/script', Buffer.from('#!/mnt/folder/../program\n')],
    ['/script-in-path', Buffer.from('#!/bin/sh\necho found by name\n')],
  ]);
  const sandboxed = (
    command: string,
    args: readonly string[],
    options: SandboxOptions & RunOptions,
  ): Promise<RunResult> =>
    run(command, args, { platform, thread, memory: 256 * 1024 ** 2, ...options });
  const shell = (
    script: string,
    files: UserFileSystem,
    more?: SandboxOptions,
  ): Promise<RunResult> =>
    sandboxed('/bin/sh', ['-c', script], { mounts: { '/mnt': files }, ...more });

  beforeAll(() => {
    tree.set('/program', readFileSync(guest('exit_code')));
    folder = mkdtempSync(join(tmpdir(), 'ringfence-files-'));
    for (const [path, entry] of tree) {
      const place = join(folder, path);
      if (entry === 'directory') mkdirSync(place);
      else if ('link' in entry) symlinkSync(entry.link, place);
      else writeFileSync(place, entry, { mode: 0o755 });
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['at once', 'late'])(
    'is to programs what a read-only folder is, answering %s',
    async (when) => {
      const defects: string[] = [];
      const asked = new Set<string>();
      const files = new TreeFiles(tree, (path) => asked.add(path));
      const options = {
        env: { PATH: '/usr/bin:/bin:/mnt', LC_ALL: 'C' },
        onDefect: (message: string) => defects.push(message),
      };
      const bound = await sandboxed('/bin/sh', ['-c', SCRIPT], {
        ...options,
        binds: [{ host: folder, guest: '/mnt', readOnly: true }],
      });
      const mounted = await sandboxed('/bin/sh', ['-c', SCRIPT], {
        ...options,
        mounts: { '/mnt': when === 'late' ? late(files) : files },
      });
      const shown = ({ stdout, stderr, exitCode }: RunResult): object => ({
        // Times, owners and link counts are the host's.
        stdout: stdout.replace(/^(.)([-rwx]{9}).*? (\S+)$/gm, '$1$2 $3').split('\n'),
        stderr: stderr.split('\n'),
        exitCode,
      });
      expect(shown(mounted)).toEqual(shown(bound));
      expect(defects).toEqual([]);
      expect([...asked].filter((path) => !/^\/$|^(\/(?!\.\.?(\/|$))[^/\0]+)+$/.test(path))).toEqual(
        [],
      );
    },
  );

  it('starts a program, and in a directory, of an own file system that answers late', async () => {
    const mounts = { '/mnt': late(new TreeFiles(tree)) };
    const options = { mounts, cwd: '/mnt/folder', env: { PATH: '/nowhere:/mnt:/bin' } };
    expect(await sandboxed('program', ['9'], options)).toMatchObject({ exitCode: 9 });
    const found = await sandboxed('script-in-path', [], options);
    expect(found).toMatchObject({ stdout: 'found by name\n', stderr: '' });
    await expect(sandboxed('/mnt/none', [], options)).rejects.toThrow('no such file');
  });

  it('asks for no names but texts', async () => {
    const asked: string[] = [];
    const files = new TreeFiles(tree, (path) => asked.push(path));
    const script = `cat "$(printf '/mnt/\\377')"; cat /mnt/$(printf '%0300d' 0); cat /mnt/./; cat /mnt//text`;
    const { stdout } = await shell(script, files);
    expect(stdout).toBe('a text\n');
    expect(new Set(asked)).toEqual(new Set(['/text']));
  });

  const one = { type: 'file', size: 1 } as const;
  const none = (): never => {
    throw error('ENOENT');
  };
  const mistakes: Record<string, [script: string, files: UserFileSystem, seen: string]> = {
    'throws what has no code': [
      'cat /mnt/a',
      {
        stat: () => {
          throw new Error('a mistake');
        },
        readdir: none,
        read: none,
      },
      'Input/output error',
    ],
    'gives no metadata': [
      'cat /mnt/a',
      { stat: () => ({ type: 'device' }) as unknown as typeof one, readdir: none, read: none },
      'Input/output error',
    ],
    'gives a name that leads out': [
      'ls /mnt',
      { stat: none, readdir: () => ['../etc'], read: none },
      'Input/output error',
    ],
    'gives more than was asked for': [
      'cat /mnt/a',
      { stat: () => one, readdir: none, read: (_, __, length) => new Uint8Array(length + 1) },
      'Input/output error',
    ],
    'gives a promise of nonsense': [
      'cat /mnt/a',
      { stat: () => Promise.resolve(null as unknown as typeof one), readdir: none, read: none },
      'Input/output error',
    ],
  };
  it.each(Object.entries(mistakes))('gives EIO where the file system %s', async (_, mistake) => {
    const [script, files, seen] = mistake;
    const defects: string[] = [];
    const { stderr } = await shell(script, files, { onDefect: (text) => defects.push(text) });
    expect(stderr).toContain(seen);
    expect(defects).toEqual([expect.stringContaining("a file system of the user's failed")]);
  });

  it('passes errors on by their names', async () => {
    const files = { ...late(new TreeFiles(tree)), read: () => Promise.reject(error('ENOTCONN')) };
    const { stderr } = await shell('cat /mnt/text; mkdir /mnt/text/x', files);
    expect(stderr).toContain('/mnt/text: Transport endpoint is not connected');
  });

  it('takes an endless file for what it is', async () => {
    const files = { stat: () => one, readdir: none, read: () => new Uint8Array(1024 ** 2) };
    const { stderr, stdout } = await shell('cat /mnt/a; echo alive', files, {
      memory: 64 * 1024 ** 2,
    });
    expect(stderr).toContain('Cannot allocate memory');
    expect(stdout).toBe('alive\n');
  });

  it('gives the memory of files back that nobody has open', async () => {
    const content = new Uint8Array(20 * 1024 ** 2);
    const files = late(
      new TreeFiles(
        new Map([
          ['/a', content],
          ['/b', content],
          ['/c', content],
        ]),
      ),
    );
    const script = 'for i in 1 2 3; do cat /mnt/a /mnt/b /mnt/c | wc -c; done';
    const { stdout, stderr } = await shell(script, files, { memory: 48 * 1024 ** 2 });
    expect([stdout, stderr]).toEqual(['62914560\n'.repeat(3), '']);
  });

  it('lets a program be killed that waits for an answer that never comes', async () => {
    const files = { stat: () => new Promise<never>(() => undefined), readdir: none, read: none };
    const sandbox = await Sandbox.create({ platform, thread, mounts: { '/mnt': files } });
    const first = await sandbox.start('/bin/cat', ['/mnt/a']);
    const second = await sandbox.start('/bin/cat', ['/mnt/a']);
    await delay(50);
    first.kill('SIGKILL');
    expect(await first.ended).toMatchObject({ signal: 'SIGKILL' });
    await sandbox.dispose();
    expect(await second.ended).toMatchObject({ signal: 'SIGKILL' });
  });
}

describeKvm('a file system of the user’s [kvm]', () => describeFiles('kvm', 'worker'));
describeKvm('a file system on the thread of the caller [kvm]', () =>
  describeFiles('kvm', 'caller'),
);
describe('a file system of the user’s [ptrace]', () => describeFiles('ptrace', 'worker'));
