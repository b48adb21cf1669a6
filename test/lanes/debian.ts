/** Debian packages unpacked into a folder, without being installed: nothing outside the cache is touched. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `step` tells the user what is done, and that it takes a while. */
export type Progress = (step: string) => void;

export class DebianCache {
  readonly #apt: string;
  #updated = false;

  constructor(readonly folder: string) {
    this.#apt = join(folder, 'apt');
    for (const name of ['state/lists/partial', 'cache/archives/partial']) {
      mkdirSync(join(this.#apt, name), { recursive: true });
    }
  }

  /** Folder into which `packages`, and what they need that the machine does not have, are unpacked. Once only. */
  unpack(name: string, packages: readonly string[], progress: Progress): string {
    const root = join(this.folder, name);
    const done = join(root, '.complete');
    if (existsSync(done)) return root;
    progress(`fetching ${packages.join(', ')}`);
    this.#update();
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root, { recursive: true });
    this.#get(
      ...['install', '--download-only', '--reinstall', '--no-install-recommends', '-y'],
      ...packages,
    );
    const archives = join(this.#apt, 'cache/archives');
    for (const file of readdirSync(archives).filter((entry) => entry.endsWith('.deb'))) {
      progress(`unpacking ${file}`);
      execFileSync('dpkg-deb', ['-x', join(archives, file), root]);
      rmSync(join(archives, file));
    }
    writeFileSync(done, '');
    return root;
  }

  /** Newest package whose name matches, as apt-cache lists them. */
  newest(pattern: string): string {
    this.#update();
    const output = execFileSync(
      'apt-cache',
      [...this.#options(), 'search', '--names-only', pattern],
      {
        encoding: 'utf8',
      },
    );
    const names = output
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '')
      .filter((name) => name !== '');
    const [first] = names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
    if (first === undefined) throw new Error(`no Debian package is named ${pattern}`);
    return first;
  }

  #update(): void {
    if (!this.#updated) this.#get('update');
    this.#updated = true;
  }

  #get(...args: string[]): void {
    execFileSync('apt-get', ['-q', '-o', 'Acquire::Retries=3', ...this.#options(), ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }

  /** apt-get keeps to folders of its own, and so needs no right to the system's. */
  #options(): string[] {
    return [
      `Dir::State=${join(this.#apt, 'state')}`,
      `Dir::Cache=${join(this.#apt, 'cache')}`,
      'Dir::State::status=/var/lib/dpkg/status',
      'Debug::NoLocking=true',
      'APT::Sandbox::User=root',
    ].flatMap((option) => ['-o', option]);
  }
}
