/** What a guest must leave as it is: files outside of the mounts, and what the host process is. */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
/** Looked at whole: of the repository what no build and no test changes. */
const TREES = [
  '/etc',
  ...['src', 'docs', 'native', 'ring0', 'scripts', 'package.json'].map((name) =>
    join(REPOSITORY, name),
  ),
];
/** Others may make files there: only names that the guest makes are looked for. */
const SHARED = ['/', '/dev/shm', '/var/tmp', '/mnt', '/run', homedir(), tmpdir(), process.cwd()];
/** In every name that the guest makes. */
const MARK = 'rf-wild';
/** Of /proc/self/status. */
const STATUS =
  /^(Umask|Uid|Gid|Groups|SigBlk|SigIgn|SigCgt|CapEff|NoNewPrivs|Seccomp|Cpus_allowed):/;
const PROCESS_FILES = ['limits', 'oom_score_adj', 'personality', 'cgroup', 'uid_map'];
const HOST_FILES = [
  'mounts',
  'sys/kernel/hostname',
  'sys/kernel/domainname',
  'sys/kernel/core_pattern',
];

type Snapshot = ReadonlyMap<string, string>;

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return 'cannot be read';
  }
}

/** Not the time of the last access: reading is allowed. */
function look(path: string, into: Map<string, string>, except?: string): void {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined || path === except) return;
  const { ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs } = found;
  into.set(path, [ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs].join(' '));
  if (!found.isDirectory()) return;
  for (const name of readdirSync(path)) look(join(path, name), into, except);
}

/** `canaries` is looked at whole, but for `scratch` in it, which the guest may change. */
export function surroundings(canaries: string, scratch: string): Snapshot {
  const found = new Map<string, string>();
  for (const tree of TREES) look(tree, found);
  look(canaries, found, scratch);
  for (const folder of SHARED) {
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      if (name.includes(MARK)) found.set(join(folder, name), 'made by a guest');
    }
  }
  for (const line of read('/proc/self/status').split('\n')) {
    if (STATUS.test(line)) found.set(`/proc/self/status ${line.split(':')[0] ?? ''}`, line);
  }
  for (const name of PROCESS_FILES) found.set(name, read(`/proc/self/${name}`));
  for (const name of HOST_FILES) found.set(name, read(`/proc/${name}`));
  found.set('working directory', process.cwd());
  found.set('nice', read('/proc/self/stat').split(') ').at(-1)?.split(' ')[16] ?? '');
  return found;
}

/** What is not as it was, in words. */
export function touched(before: Snapshot, after: Snapshot): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name}: ${before.get(name) ?? 'nothing'} → ${after.get(name) ?? 'nothing'}`);
}
