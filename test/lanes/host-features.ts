/** `npm run host-features`: what the KVM of this host does where hosts differ. The lanes print it of theirs. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { cacheFolder } from '../guests/build.js';

const ROOT = join(import.meta.dirname, '..', '..');

/** Path of the program that finds out, relative to the repository. */
export const HOST_FEATURES = '.cache/lane-programs/host_features';

const files = (folder: string, pattern: RegExp): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name));

/** Compiles it where a source is newer, to run on any machine. */
export function buildHostFeatures(): void {
  cacheFolder('lane-programs');
  const native = [...files('native', /\.c$/), 'native/interrupts.cc', 'ring0/stub.S'];
  const sources = ['test/lanes/host_features.c', ...native];
  const headers = [...files('native', /\.h$/), ...files('ring0', /\.h$/)];
  const newest = Math.max(
    ...[...sources, ...headers].map((file) => statSync(join(ROOT, file)).mtimeMs),
  );
  const binary = join(ROOT, HOST_FEATURES);
  if (existsSync(binary) && statSync(binary).mtimeMs > newest) return;
  const flags = ['-O2', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-static', '-pthread', '-I', ROOT];
  const unfinished = `${binary}.${process.pid}`;
  execFileSync('gcc', [...flags, '-o', unfinished, ...sources, '-lstdc++'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  renameSync(unfinished, binary);
}

if (process.argv[1] === import.meta.filename) {
  buildHostFeatures();
  execFileSync(join(ROOT, HOST_FEATURES), { stdio: 'inherit' });
}
