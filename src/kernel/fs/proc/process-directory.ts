/** /proc/PID */
import { Errno } from '../../abi/errno.js';
import { O } from '../../abi/fcntl.js';
import { StatRecord } from '../../abi/stat.js';
import type { Task } from '../../task/task.js';
import type { Caller } from '../caller.js';
import type { Inode, MagicTarget } from '../inode.js';
import type { Location } from '../location.js';
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
import { limitsText, mapsText, smapsRollupText, smapsText, statmText } from './process-files.js';
import { commandLine, environment } from './program-strings.js';
import { statText, statusText } from './status-files.js';
import { networkDirectory } from './network-files.js';
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

/** A thread of the process, which stands for it, or any thread of that number: it is there, though not listed. */
export function findTask(caller: Caller, pid: number): Task | undefined {
  const own = caller as Task;
  if (pid === caller.pid && caller.process !== undefined) {
    return own;
  }
  const { kernel } = caller;
  return kernel?.processes.get(pid)?.leader ?? kernel?.tasks.get(pid);
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
  file('cgroup', () => '0::/\n');
  file('cmdline', () => commandLine(task));
  entries.set('comm', (at) => nameFile(fs, at, owner, task));
  file(
    'environ',
    guarded(() => environment(task)),
    0o400,
  );
  file('gid_map', () => IDENTITY_MAP, 0o644);
  file('io', guarded(ioText), 0o400);
  file('limits', () => limitsText(task.process.limits));
  // Nobody logged in.
  file('loginuid', () => UNSET, 0o644);
  file(
    'maps',
    guarded(() => mapsText(task)),
  );
  file('mountinfo', (caller) => mountInfo(fs.namespace, caller));
  file('mounts', (caller) => fs.mounts(caller));
  file('oom_score', () => '666\n');
  entries.set('oom_score_adj', (at) => oomFile(fs, at, owner, task));
  file('personality', () => '00000000\n', 0o400);
  file('schedstat', () => `${String(Math.floor(task.cpuTime * 1e6))} 0 1\n`);
  file('sessionid', () => UNSET);
  file('setgroups', () => 'allow\n', 0o644);
  file(
    'smaps',
    guarded(() => smapsText(task)),
  );
  file(
    'smaps_rollup',
    guarded(() => smapsRollupText(task)),
  );
  file('stat', () => statText(task));
  file('statm', () => statmText(task));
  file('status', () => statusText(task));
  file('timerslack_ns', () => '50000\n', 0o666);
  file('uid_map', () => IDENTITY_MAP, 0o644);
  file('wchan', () => '0');
  entries.set('cwd', (at) => placeLink(fs, at, owner, task, () => task.fsContext.cwd));
  entries.set('root', (at) => placeLink(fs, at, owner, task, () => task.fsContext.root));
  entries.set('exe', (at) => placeLink(fs, at, owner, task, () => task.process.executable));
  entries.set('net', (at) => networkDirectory(fs, at));
  entries.set('fd', (at) => fdDirectory(fs, at, owner, task));
  entries.set('fdinfo', (at) => fdinfoDirectory(fs, at, owner, task));
  if (!path.includes('/task/')) {
    entries.set('task', (at) => taskDirectory(fs, at, owner, task));
  }
  const process = path.includes('/task/') ? undefined : task.process;
  return new ProcDirectory(fs, path, owner, entries, undefined, undefined, process);
}

/** The id of a session or user that there is not. */
const UNSET = '4294967295';
/** Inside, ids are what they are. */
const IDENTITY_MAP = '         0          0 4294967295\n';
/** Bytes of a name, prctl(PR_SET_NAME). */
const NAME_LENGTH = 15;

function nameFile(fs: ProcFs, path: string, owner: Owner, task: Task): Inode {
  const accept = (text: string, caller: Caller): number => {
    if (caller.pid !== task.pid) {
      return -Errno.EINVAL;
    }
    task.comm = text.replace(/\0.*$/s, '').slice(0, NAME_LENGTH);
    return 0;
  };
  return new ProcFile(fs, path, owner, () => `${task.comm}\n`, 0o644, accept);
}

const OOM_SCORE_ADJ = /^\s*(-?\d{1,4})\s*$/;
const OOM_SCORE_MAX = 1000;

/** Raising a process's chances takes a privilege, which root has. */
function oomFile(fs: ProcFs, path: string, owner: Owner, task: Task): Inode {
  const accept = (text: string, caller: Caller): number => {
    const value = Number(OOM_SCORE_ADJ.exec(text)?.[1] ?? NaN);
    if (!(Math.abs(value) <= OOM_SCORE_MAX)) {
      return -Errno.EINVAL;
    }
    const lowers = value < task.process.oomScoreAdjustment;
    if (lowers && caller.credentials.euid !== 0) {
      return -Errno.EACCES;
    }
    task.process.oomScoreAdjustment = value;
    return 0;
  };
  const content = (): string => `${String(task.process.oomScoreAdjustment)}\n`;
  return new ProcFile(fs, path, owner, content, 0o644, accept);
}

/** Nothing is counted yet that would tell more. */
function ioText(): string {
  const names = ['rchar', 'wchar', 'syscr', 'syscw', 'read_bytes', 'write_bytes'];
  return [...names, 'cancelled_write_bytes'].map((name) => `${name}: 0\n`).join('');
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** A link to a place that a process has, as long as it has not ended. */
function placeLink(
  fs: ProcFs,
  path: string,
  owner: Owner,
  task: Task,
  place: () => Location | undefined,
): Inode {
  const found = (caller: Caller): Location | number => {
    if (!mayLook(task, caller)) {
      return -Errno.EACCES;
    }
    return (task.process.isZombie ? undefined : place()) ?? -Errno.ENOENT;
  };
  const text = (caller: Caller): string | number => {
    const location = found(caller);
    return typeof location === 'number' ? location : linkText(location);
  };
  // Not by its name: that may be gone, or lead back here.
  const follow = (caller: Caller): MagicTarget => {
    const location = found(caller);
    return typeof location === 'number' ? location : { location };
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
  const record = new StatRecord();
  open.stat(record);
  const head = `pos:\t${String(open.position)}\nflags:\t0${flags.toString(8)}\n`;
  return `${head}mnt_id:\t${String(mount)}\nino:\t${String(record.inode)}\n${open.fdinfo()}`;
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
