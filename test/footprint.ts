/** What this process holds of the host. */
import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { stubsOf, templatesOf } from './ptrace/stubs.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

export interface Footprint {
  /** Bytes. */
  readonly rss: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly mappings: number;
  /** Those of memory files, KVM's and stubs'. */
  readonly ownMappings: number;
  /** Stub processes. */
  readonly children: number;
}

/** After the garbage has been collected. */
export function footprint(): Footprint {
  collectGarbage();
  collectGarbage();
  const mappings = readFileSync('/proc/self/maps', 'latin1').trimEnd().split('\n');
  return {
    rss: process.memoryUsage.rss(),
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    mappings: mappings.length,
    ownMappings: mappings.filter((line) => /ringfence-|memfd:|kvm/.test(line)).length,
    children: stubsOf().length + templatesOf().length,
  };
}
