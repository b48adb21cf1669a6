/** /sys, sysfs(5): the little that programs ask for. */
import { FsMagic } from '../../abi/statfs.js';
import type { Caller } from '../caller.js';
import { SYS_DEVICE } from '../device-numbers.js';
import { emptyStatfs } from '../file-system.js';
import type { Inode } from '../inode.js';
import { cpuList, topologyFiles } from './cpu-topology.js';
import { type EntryFactory, GeneratedFs, ProcDirectory, ProcFile, ROOT } from './proc-inode.js';

type Content = (caller: Caller) => string;

/** Paths and contents; a path that ends in a slash is an empty directory. */
function files(cpuCount: number): ReadonlyMap<string, Content> {
  const cpus: Content = () => cpuList(0, cpuCount - 1);
  const list = new Map<string, Content>([
    ['block/', () => ''],
    ['class/net/lo/', () => ''],
    ['devices/system/cpu/kernel_max', () => '8191\n'],
    ['devices/system/cpu/offline', () => '\n'],
    ['devices/system/cpu/online', cpus],
    ['devices/system/cpu/possible', cpus],
    ['devices/system/cpu/present', cpus],
    ['devices/system/node/node0/cpulist', cpus],
    ['devices/system/node/online', () => '0\n'],
    ['devices/system/node/possible', () => '0\n'],
    ['fs/cgroup/', () => ''],
    ['kernel/mm/hugepages/', () => ''],
    ['kernel/mm/transparent_hugepage/defrag', () => 'always defer madvise [never]\n'],
    ['kernel/mm/transparent_hugepage/enabled', () => 'always madvise [never]\n'],
    ['kernel/mm/transparent_hugepage/hpage_pmd_size', () => '2097152\n'],
    ['kernel/mm/transparent_hugepage/shmem_enabled', () => 'always madvise [never]\n'],
  ]);
  for (const [path, content] of topologyFiles(cpuCount)) {
    list.set(`devices/system/${path}`, () => content);
  }
  return list;
}

export class SysFs extends GeneratedFs {
  override readonly device = SYS_DEVICE;
  override readonly type = 'sysfs';
  override readonly root: ProcDirectory;

  constructor() {
    super();
    this.root = new ProcDirectory(this, '/sys', ROOT, new Map(), {
      names: (caller) => names(caller, ''),
      find: (name, path, caller) => this.#find(name, path, caller, ''),
    });
  }

  #find(name: string, path: string, caller: Caller, prefix: string): Inode | undefined {
    const key = prefix + name;
    const content = files(caller.kernel?.cpuCount ?? 1).get(key);
    if (content !== undefined) {
      return new ProcFile(this, path, ROOT, content);
    }
    if (!names(caller, prefix).includes(name)) {
      return undefined;
    }
    const below = `${key}/`;
    return new ProcDirectory(this, path, ROOT, new Map<string, EntryFactory>(), {
      names: (who) => names(who, below),
      find: (child, at, who) => this.#find(child, at, who, below),
    });
  }

  override statfs(_inode: Inode, out: Uint8Array): number {
    return emptyStatfs(FsMagic.Sysfs, out);
  }
}

/** Names in the directory that the paths starting with `prefix` make. */
function names(caller: Caller, prefix: string): string[] {
  const found = new Set<string>();
  for (const path of files(caller.kernel?.cpuCount ?? 1).keys()) {
    if (path.startsWith(prefix) && path.length > prefix.length) {
      found.add(path.slice(prefix.length).split('/')[0] ?? '');
    }
  }
  return [...found];
}
