/** /proc/PID */
import { Errno } from '../../abi/errno.js';
import { O } from '../../abi/fcntl.js';
import type { StatRecord } from '../../abi/stat.js';
import type { Task } from '../../task/task.js';
import type { Caller } from '../caller.js';
import type { Inode, MagicTarget } from '../inode.js';
import { linkText } from '../place-name.js';
import { mountInfo } from './mount-files.js';
import {
  type Content,
  type EntryFactory,
  type Owner,
  ProcDirectory,
  ProcFile,
  ProcLink,
} from './proc-inode.js';
import { limitsText, mapsText, statText, statmText, statusText } from './process-files.js';
import type { ProcFs } from './procfs.js';

/** The processes the caller can see. */
export function* processIds(caller: Caller): Generator<number> {
  if (caller.kernel === undefined) {
    if (caller.pid > 0) {
      yield caller.pid;
    }
    return;
  }
  yield* caller.kernel.processes.keys();
}

/** A thread of the process, which stands for it. */
export function findTask(caller: Caller, pid: number): Task | undefined {
  const own = caller as Task;
  if (pid === caller.pid && caller.process !== undefined) {
    return own;
  }
  const tasks = caller.kernel?.processes.get(pid)?.tasks;
  return tasks === undefined ? undefined : [...tasks][0];
}

/** The caller may look into the process (ptrace access mode PTRACE_MODE_READ): it is the same user's, or root. */
function mayLook(task: Task, caller: Caller): boolean {
  const { fsuid } = caller.credentials;
  return fsuid === 0 || fsuid === task.credentials.uid;
}

export function processDirectory(fs: ProcFs, path: string, task: Task): Inode {
  const owner: Owner = { uid: task.credentials.euid, gid: task.credentials.egid };
  const entries = new Map<string, EntryFactory>();
  const file = (name: string, content: Content, permissions?: number): void => {
    entries.set(name, (at) => new ProcFile(fs, at, owner, content, permissions));
  };
  const guarded =
    (content: Content): Content =>
    (caller) =>
      mayLook(task, caller) ? content(caller) : -Errno.EACCES;
  file(
    'auxv',
    guarded(() => latin1(task.mm.program.auxv)),
    0o400,
  );
  file('cmdline', () => terminated(task.process.argv));
  file('comm', () => `${task.process.comm}\n`, 0o644);
  file(
    'environ',
    guarded(() => terminated(task.process.env)),
    0o400,
  );
  file('limits', () => limitsText(task.process.limits));
  file(
    'maps',
    guarded(() => mapsText(task)),
  );
  // Nobody logged in.
  file('loginuid', () => '4294967295', 0o644);
  file('mountinfo', (caller) => mountInfo(fs.namespace, caller));
  file('mounts', (caller) => fs.mounts(caller));
  file('oom_score_adj', () => '0\n', 0o644);
  file('stat', () => statText(task));
  file('statm', () => statmText(task));
  file('status', () => statusText(task));
  entries.set('cwd', (at) => placeLink(fs, at, owner, task, () => task.fsContext.cwd));
  entries.set('root', (at) => placeLink(fs, at, owner, task, () => task.fsContext.root));
  entries.set('exe', (at) => executableLink(fs, at, owner, task));
  entries.set('fd', (at) => fdDirectory(fs, at, owner, task));
  entries.set('fdinfo', (at) => fdinfoDirectory(fs, at, owner, task));
  if (!path.includes('/task/')) {
    entries.set('task', (at) => taskDirectory(fs, at, owner, task));
  }
  return new ProcDirectory(fs, path, owner, entries);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function terminated(strings: readonly string[]): string {
  return strings.map((text) => `${text}\0`).join('');
}

function placeLink(
  fs: ProcFs,
  path: string,
  owner: Owner,
  task: Task,
  place: () => Task['fsContext']['cwd'],
): Inode {
  return new ProcLink(
    fs,
    path,
    owner,
    (caller) => (mayLook(task, caller) ? linkText(place()) : -Errno.EACCES),
    (caller) => (mayLook(task, caller) ? { location: place() } : -Errno.EACCES),
  );
}

function executableLink(fs: ProcFs, path: string, owner: Owner, task: Task): Inode {
  const text = (): string | number => {
    const { executable } = task.process;
    return executable === undefined ? -Errno.ENOENT : linkText(executable);
  };
  // Not by its name: that may be gone, or lead back here.
  const follow = (): MagicTarget => {
    const { executable } = task.process;
    return executable === undefined ? -Errno.ENOENT : { location: executable };
  };
  return new ProcLink(fs, path, owner, text, follow);
}

function fdDirectory(fs: ProcFs, path: string, owner: Owner, task: Task): Inode {
  const links = {
    names: () => [...task.files.descriptors()].map(String),
    find: (name: string, at: string) => fdLink(fs, at, owner, task, name),
  };
  return new ProcDirectory(fs, path, owner, new Map(), links, 0o500);
}

/** Linux says the same length of each, whatever it reads (fs/proc/fd.c). */
class DescriptorLink extends ProcLink {
  override stat(out: StatRecord): number {
    super.stat(out);
    out.size = 64;
    return 0;
  }
}

const FD_NAME = /^(0|[1-9][0-9]{0,6})$/;

function fdLink(
  fs: ProcFs,
  path: string,
  owner: Owner,
  task: Task,
  name: string,
): Inode | undefined {
  const open = FD_NAME.test(name) ? task.files.get(Number(name)) : undefined;
  if (open === undefined) {
    return undefined;
  }
  const permissions = 0o100 | (open.readable ? 0o400 : 0) | (open.writable ? 0o200 : 0);
  const text = (): string | number =>
    open.location === undefined ? open.describe() : linkText(open.location);
  const follow = (caller: Caller): MagicTarget => {
    if (!mayLook(task, caller)) {
      return -Errno.EACCES;
    }
    return open.location === undefined ? { file: open } : { location: open.location };
  };
  return new DescriptorLink(fs, path, owner, text, follow, permissions);
}

function fdinfoDirectory(fs: ProcFs, path: string, owner: Owner, task: Task): Inode {
  return new ProcDirectory(fs, path, owner, new Map(), {
    names: () => [...task.files.descriptors()].map(String),
    find: (name, at) => {
      const open = FD_NAME.test(name) ? task.files.get(Number(name)) : undefined;
      return open && new ProcFile(fs, at, owner, () => fdinfoText(task, Number(name)));
    },
  });
}

function fdinfoText(task: Task, fd: number): string | number {
  const open = task.files.get(fd);
  if (open === undefined) {
    return -Errno.ENOENT;
  }
  const flags = open.flags | (task.files.isCloseOnExec(fd) ? O.CLOEXEC : 0);
  const mount = open.location?.mount.id ?? 0;
  return `pos:\t${String(open.position)}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${String(mount)}\n`;
}

function taskDirectory(fs: ProcFs, path: string, owner: Owner, task: Task): Inode {
  const threads = (): Task[] => {
    const { tasks } = task.process;
    return tasks.size === 0 ? [task] : [...tasks];
  };
  return new ProcDirectory(fs, path, owner, new Map(), {
    names: () => threads().map((thread) => String(thread.tid)),
    find: (name, at) => {
      const thread = threads().find(({ tid }) => String(tid) === name);
      return thread && processDirectory(fs, at, thread);
    },
  });
}
