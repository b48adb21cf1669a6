/** `npm run host-features`: what the KVM of this host does where hosts differ. The lanes print it of theirs. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { cacheFolder } from '../guests/build.js';

const ROOT = join(import.meta.dirname, '..', '..');

/** Path of the program that finds out, relative to the repository. */
export const HOST_FEATURES = '.cache/lane-programs/host_features';

/** Compiles it, to run on any machine. */
export function buildHostFeatures(): void {
  cacheFolder('lane-programs');
  const native = readdirSync(join(ROOT, 'native'))
    .filter((name) => name.endsWith('.c'))
    .map((name) => join('native', name));
  const flags = ['-O2', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-static', '-pthread'];
  // The registry of contexts is the one part of the native layer's core that is C++.
  const sources = ['test/lanes/host_features.c', ...native, 'native/interrupts.cc', 'ring0/stub.S'];
  execFileSync('gcc', [...flags, '-I', ROOT, '-o', HOST_FEATURES, ...sources, '-lstdc++'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
}

if (process.argv[1] === import.meta.filename) {
  buildHostFeatures();
  execFileSync(join(ROOT, HOST_FEATURES), { stdio: 'inherit' });
}
