/** A copy of this repository's working tree, to break and to mend. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Mutant } from './mutants.js';

const ROOT = join(import.meta.dirname, '..', '..');
/** Not git's, but slow to make anew. */
const KEPT = ['node_modules', 'build', '.cache/code', '.cache/guests'];

/** Exit status of timeout(1). */
const TIMED_OUT = 124;

export interface Run {
  readonly ok: boolean;
  readonly late: boolean;
  readonly output: string;
}

export class Tree {
  #mend = (): void => undefined;

  constructor(readonly folder: string) {
    const files = execFileSync(
      'git',
      ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
      {
        cwd: ROOT,
        encoding: 'utf8',
      },
    );
    for (const file of files
      .split('\0')
      .filter((name) => name !== '' && existsSync(join(ROOT, name)))) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      cpSync(join(ROOT, file), join(folder, file), { recursive: true, verbatimSymlinks: true });
    }
    mkdirSync(join(folder, '.cache'), { recursive: true });
    for (const name of KEPT.filter((entry) => existsSync(join(ROOT, entry))))
      cpSync(join(ROOT, name), join(folder, name), { recursive: true, verbatimSymlinks: true });
    // The lanes' packages are only read by the host.
    mkdirSync(join(ROOT, '.cache/lanes'), { recursive: true });
    symlinkSync(join(ROOT, '.cache/lanes'), join(folder, '.cache/lanes'));
    this.#mustRun('npm', 'run', '-s', 'build');
    this.buildNative();
  }

  buildNative(): void {
    this.#mustRun('npm', 'run', '-s', 'build:native');
  }

  /** @throws where the text to replace is not there once, or what takes its place does not compile */
  breakBy(mutant: Mutant): void {
    const path = join(this.folder, mutant.file);
    const whole = readFileSync(path, 'utf8');
    const parts = whole.split(mutant.text);
    if (parts.length !== 2) {
      const found = `${parts.length - 1} times in ${mutant.file}`;
      throw new Error(`mutant "${mutant.name}": its text is found ${found}; bring it up to date`);
    }
    this.#mend = () => {
      writeFileSync(path, whole);
    };
    writeFileSync(path, parts.join(mutant.replacement));
    this.buildNative();
  }

  mend(): void {
    this.#mend();
  }

  run(seconds: number, command: string, ...args: readonly string[]): Run {
    // timeout(1) ends the processes of the tests, too.
    const limited = ['--kill-after=10', String(seconds), command, ...args];
    const { status, stdout, stderr } = spawnSync('timeout', limited, {
      cwd: this.folder,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      // Both platforms' suites of the contract bear one name; a mutant is of one platform.
      env: { ...process.env, CI: 'true', NO_COLOR: '1', RINGFENCE_TEST_PLATFORM: 'kvm' },
    });
    return { ok: status === 0, late: status === TIMED_OUT, output: stdout + stderr };
  }

  #mustRun(command: string, ...args: readonly string[]): void {
    const { ok, output } = this.run(600, command, ...args);
    if (!ok) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`);
  }
}
