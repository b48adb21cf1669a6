/** What npm packs must run without what only development needs, and without anything of the repository. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let folder: string;
let installed: string;

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: true }>>;
}

/** Installed packages that are not for development alone, by their folders. */
function dependencies(): string[] {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true && existsSync(join(ROOT, path)))
    .map(([path]) => path);
}

function command(args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const bin = join(installed, 'dist/cli/main.cjs');
  return execFileSync(process.execPath, [bin, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringfence-packed-'));
  installed = join(folder, 'node_modules/ringfence');
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
  const archive = execFileSync('npm', pack, { cwd: ROOT, encoding: 'utf8' }).trim();
  for (const path of dependencies()) {
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  }
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, archive), '-C', installed, '--strip-components=1']);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('the packed package', () => {
  it('has what its installation builds the addon and the code cache from, and no code cache', () => {
    for (const path of [
      'binding.gyp',
      'native/addon.cc',
      'ring0/abi.h',
      'scripts/build-native.sh',
    ]) {
      expect(existsSync(join(installed, path)), path).toBe(true);
    }
    expect(existsSync(join(installed, 'dist/bundle/write-code-cache.cjs'))).toBe(true);
    expect(existsSync(join(installed, 'dist/bundle/ringfence.code-cache'))).toBe(false);
  });

  it('runs programs by the command line, before its code cache is written and after', () => {
    cpSync(
      join(ROOT, 'build/Release/ringfence.node'),
      join(installed, 'build/Release/ringfence.node'),
    );
    expect(command(['run', '--', '/bin/echo', 'hello'])).toBe('hello\n');
    execFileSync('npm', ['run', '--silent', 'build:code-cache'], { cwd: installed });
    expect(existsSync(join(installed, 'dist/bundle/ringfence.code-cache'))).toBe(true);
    expect(command(['run', '--', '/bin/echo', 'hello'])).toBe('hello\n');
    expect(command(['run', '--platform', 'ptrace', '--', '/bin/echo', 'hello'])).toBe('hello\n');
  });

  it('runs whatever it loads late', () => {
    expect(JSON.parse(command(['doctor', '--json']))).toHaveProperty('runnable', true);
    expect(command(['doctor'])).toContain('Guests run here');
    expect(command(['run', '--net', 'host', '--', '/bin/echo', 'hello'])).toBe('hello\n');
  });

  it('is a library with types', () => {
    const program = join(folder, 'program.mjs');
    writeFileSync(
      program,
      `import { run } from 'ringfence';
      const { stdout } = await run('/bin/cat', [], { input: 'hello' });
      console.log(stdout);`,
    );
    expect(execFileSync(process.execPath, [program], { encoding: 'utf8' })).toBe('hello\n');
    expect(existsSync(join(installed, 'dist/index.d.ts'))).toBe(true);
  });
});

describe('a stack trace', () => {
  it('names the lines of the sources', () => {
    const { stderr } = failure(() =>
      command(['run', '--platform', 'kvm', '--', '/bin/true'], {
        RINGFENCE_DEBUG: '1',
        RINGFENCE_KVM_DEVICE: '/nonexistent',
      }),
    );
    expect(stderr).toMatch(/ at createKvm \(.*src\/sandbox\/create-platform\.ts:\d+:\d+\)/);
  });
});

function failure(action: () => void): { readonly stderr: string } {
  try {
    action();
  } catch (error) {
    return error as { readonly stderr: string };
  }
  throw new Error('it did not fail');
}
