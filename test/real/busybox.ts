/**
 * Debian's statically linked busybox: the installed one, or else the package's, fetched into .cache by whoever runs
 * the tests. A test that needs it fails where neither is to be had; it is never skipped.
 */
import { execFileSync, type ExecFileSyncOptions } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { cacheFolder } from '../guests/build.js';

const INSTALLED = ['/bin/busybox', '/usr/bin/busybox'];
const PACKAGE = 'busybox-static';
const PT_INTERP = 3;

/** An ELF file of 64 bits without an interpreter, elf(5). */
function isStatic(path: string): boolean {
  if (!existsSync(path)) return false;
  const file = readFileSync(path);
  if (file.readUInt32BE(0) !== 0x7f454c46) return false;
  const headersAt = Number(file.readBigUInt64LE(32));
  const size = file.readUInt16LE(54);
  const count = file.readUInt16LE(56);
  return Array.from({ length: count }, (_, i) => file.readUInt32LE(headersAt + i * size)).every(
    (type) => type !== PT_INTERP,
  );
}

function fetchPackage(): string {
  const folder = cacheFolder('busybox');
  const binary = join(folder, 'root', 'bin', 'busybox');
  if (isStatic(binary)) return binary;
  const quiet: ExecFileSyncOptions = { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] };
  execFileSync('apt-get', ['-q', 'download', PACKAGE], quiet);
  const archive = readdirSync(folder).find((name) => name.endsWith('.deb'));
  if (archive === undefined) throw new Error(`apt-get download ${PACKAGE} left no package`);
  mkdirSync(join(folder, 'root'), { recursive: true });
  execFileSync('dpkg-deb', ['-x', archive, 'root'], quiet);
  return binary;
}

let found: string | undefined;

/** Path of a statically linked busybox. */
export function busybox(): string {
  if (found !== undefined) return found;
  const path = INSTALLED.find(isStatic) ?? fetchPackage();
  if (!isStatic(path)) {
    throw new Error(`no statically linked busybox: apt-get install ${PACKAGE}`);
  }
  return (found = path);
}
