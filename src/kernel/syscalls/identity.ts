/** Who the process is: ids, groups, process group and session, capabilities, credentials(7). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { Credentials } from '../task/credentials.js';
import { membersOf } from '../task/process-group.js';
import type { Process } from '../task/process.js';
import type { Task } from '../task/task.js';
import type { SyscallRow } from './row.js';

const NGROUPS_MAX = 65536;
/** Groups kept for a thread: it is the host's memory that they take. */
const MAX_GROUPS = 1024;
/** An id argument of -1 leaves the id as it is. */
const UNCHANGED = 0xffffffff;
const CAPABILITY_VERSION_1 = 0x19980330;
const CAPABILITY_VERSION_2 = 0x20071026;
const CAPABILITY_VERSION_3 = 0x20080522;

function isPrivileged({ euid }: Credentials): boolean {
  return euid === 0;
}

/** Who changes effective ids gives no secrets of the old ones away: PR_SET_DUMPABLE. */
function become(task: Task, wanted: Credentials): void {
  const { euid, egid, fsuid, fsgid } = task.credentials;
  const isSame = euid === wanted.euid && egid === wanted.egid;
  if (!isSame || fsuid !== wanted.fsuid || fsgid !== wanted.fsgid) {
    task.process.attributes.dumpable = false;
  }
  task.credentials = wanted;
}

/** setuid(2), setgid(2). */
function setAll(task: Task, id: number, kind: 'u' | 'g'): number {
  const old = task.credentials;
  if (id === UNCHANGED) return -Errno.EINVAL;
  const [real, saved] = kind === 'u' ? [old.uid, old.suid] : [old.gid, old.sgid];
  if (isPrivileged(old)) {
    become(
      task,
      kind === 'u'
        ? { ...old, uid: id, euid: id, suid: id, fsuid: id }
        : { ...old, gid: id, egid: id, sgid: id, fsgid: id },
    );
    return 0;
  }
  if (id !== real && id !== saved) return -Errno.EPERM;
  become(task, kind === 'u' ? { ...old, euid: id, fsuid: id } : { ...old, egid: id, fsgid: id });
  return 0;
}

/** setresuid(2), setresgid(2), and with `saved` computed setreuid(2), setregid(2). */
function setThree(
  task: Task,
  kind: 'u' | 'g',
  real: number,
  effective: number,
  saved: number,
): number {
  const old = task.credentials;
  const current = kind === 'u' ? [old.uid, old.euid, old.suid] : [old.gid, old.egid, old.sgid];
  const wanted = [real, effective, saved].filter((id) => id !== UNCHANGED);
  if (!isPrivileged(old) && wanted.some((id) => !current.includes(id))) return -Errno.EPERM;
  const [r, e, s] = [real, effective, saved].map((id, index) =>
    id === UNCHANGED ? (current[index] as number) : id,
  ) as [number, number, number];
  become(
    task,
    kind === 'u'
      ? { ...old, uid: r, euid: e, suid: s, fsuid: e }
      : { ...old, gid: r, egid: e, sgid: s, fsgid: e },
  );
  return 0;
}

function setReal(task: Task, args: Registers, kind: 'u' | 'g'): number {
  const [real, effective] = [args.argumentUint(0), args.argumentUint(1)];
  const old = task.credentials;
  const [current, currentEffective] = kind === 'u' ? [old.uid, old.euid] : [old.gid, old.egid];
  const isOwn = real === UNCHANGED || real === current || real === currentEffective;
  if (!isPrivileged(old) && !isOwn) return -Errno.EPERM;
  const changesSaved = real !== UNCHANGED || (effective !== UNCHANGED && effective !== current);
  const newEffective = effective === UNCHANGED ? currentEffective : effective;
  return setThree(task, kind, real, effective, changesSaved ? newEffective : UNCHANGED);
}

/** setfsuid(2), setfsgid(2) give the id from before, whether or not it could be changed. */
function setFileSystemId(task: Task, id: number, kind: 'u' | 'g'): number {
  const old = task.credentials;
  const before = kind === 'u' ? old.fsuid : old.fsgid;
  const own = kind === 'u' ? [old.uid, old.euid, old.suid] : [old.gid, old.egid, old.sgid];
  if (id !== UNCHANGED && (isPrivileged(old) || id === before || own.includes(id))) {
    become(task, kind === 'u' ? { ...old, fsuid: id } : { ...old, fsgid: id });
  }
  return before;
}

function writeIds(task: Task, args: Registers, ids: readonly number[]): number {
  for (const [index, id] of ids.entries()) {
    const address = args.argument(index as 0 | 1 | 2);
    if (task.mm.write(address, new Uint8Array(Uint32Array.of(id).buffer)) !== 0) {
      return -Errno.EFAULT;
    }
  }
  return 0;
}

function sysGetgroups(task: Task, args: Registers): number {
  const size = args.argumentInt(0);
  const { groups } = task.credentials;
  if (size < 0) return -Errno.EINVAL;
  if (size === 0) return groups.length;
  if (size < groups.length) return -Errno.EINVAL;
  const bytes = new Uint8Array(Uint32Array.from(groups).buffer);
  return task.mm.write(args.argument(1), bytes) === 0 ? groups.length : -Errno.EFAULT;
}

function sysSetgroups(task: Task, args: Registers): number {
  const size = args.argumentInt(0);
  if (!isPrivileged(task.credentials)) return -Errno.EPERM;
  if (size < 0 || size > NGROUPS_MAX) return -Errno.EINVAL;
  if (size > MAX_GROUPS) return -Errno.ENOMEM;
  const groups = new Uint32Array(size);
  if (!task.mm.read(args.argument(1), new Uint8Array(groups.buffer))) return -Errno.EFAULT;
  task.credentials = { ...task.credentials, groups: [...groups].sort((a, b) => a - b) };
  return 0;
}

/** The process of an id argument: 0 is the caller's own. */
function processOf(task: Task, pid: number): Process | undefined {
  return pid === 0 ? task.process : task.kernel.processes.get(pid);
}

function sysSetpgid(task: Task, args: Registers): number {
  const { process } = task;
  const target = processOf(task, args.argumentInt(0));
  const group = args.argumentInt(1);
  if (group < 0) return -Errno.EINVAL;
  if (target === undefined) return -Errno.ESRCH;
  if (target !== process && target.parent !== process) return -Errno.ESRCH;
  if (target.session !== process.session) return -Errno.EPERM;
  if (target !== process && target.hasExecuted) return -Errno.EACCES;
  if (target.session === target.pid) return -Errno.EPERM;
  const wanted = group === 0 ? target.pid : group;
  if (wanted !== target.pid && !isGroupOfSession(task, wanted)) return -Errno.EPERM;
  target.processGroup = wanted;
  return 0;
}

function isGroupOfSession(task: Task, group: number): boolean {
  const members = membersOf(task.kernel, group);
  return members.some((member) => member.session === task.process.session);
}

function sysSetsid(task: Task): number {
  const { process, kernel } = task;
  if (membersOf(kernel, process.pid).length > 0) return -Errno.EPERM;
  process.session = process.pid;
  process.processGroup = process.pid;
  return process.pid;
}

/** capget(2): root has every capability, anybody else none. */
function sysCapget(task: Task, args: Registers): number {
  const header = Buffer.alloc(8);
  if (!task.mm.read(args.argument(0), header)) return -Errno.EFAULT;
  const version = header.readUInt32LE(0);
  const words = version === CAPABILITY_VERSION_1 ? 1 : 2;
  const known = [CAPABILITY_VERSION_1, CAPABILITY_VERSION_2, CAPABILITY_VERSION_3];
  const data = args.argument(1);
  if (!known.includes(version)) {
    header.writeUInt32LE(CAPABILITY_VERSION_3, 0);
    if (task.mm.write(args.argument(0), header) !== 0) return -Errno.EFAULT;
    return data === 0 ? 0 : -Errno.EINVAL;
  }
  const pid = header.readInt32LE(4);
  if (pid < 0) return -Errno.EINVAL;
  if (processOf(task, pid) === undefined) return -Errno.ESRCH;
  if (data === 0) return 0;
  const sets = isPrivileged(task.credentials) ? [0xffffffff, 0x1ff] : [0, 0];
  const bytes = Buffer.alloc(12 * words);
  for (let word = 0; word < words; word++) {
    bytes.writeUInt32LE(sets[word] as number, word * 12);
    bytes.writeUInt32LE(sets[word] as number, word * 12 + 4);
  }
  return task.mm.write(data, bytes);
}

/** capset(2): what a process does not have it cannot ask for; what root gives up it has all the same. */
function sysCapset(task: Task, args: Registers): number {
  const header = Buffer.alloc(8);
  if (!task.mm.read(args.argument(0), header)) return -Errno.EFAULT;
  const version = header.readUInt32LE(0);
  const words = version === CAPABILITY_VERSION_1 ? 1 : 2;
  if (![CAPABILITY_VERSION_1, CAPABILITY_VERSION_2, CAPABILITY_VERSION_3].includes(version)) {
    header.writeUInt32LE(CAPABILITY_VERSION_3, 0);
    return task.mm.write(args.argument(0), header) === 0 ? -Errno.EINVAL : -Errno.EFAULT;
  }
  const pid = header.readInt32LE(4);
  if (pid !== 0 && pid !== task.tid) return -Errno.EPERM;
  const bytes = Buffer.alloc(12 * words);
  if (!task.mm.read(args.argument(1), bytes)) return -Errno.EFAULT;
  if (isPrivileged(task.credentials)) return 0;
  return bytes.some((byte) => byte !== 0) ? -Errno.EPERM : 0;
}

function sysGetpgid(task: Task, args: Registers): number {
  return processOf(task, args.argumentInt(0))?.processGroup ?? -Errno.ESRCH;
}

function sysGetsid(task: Task, args: Registers): number {
  return processOf(task, args.argumentInt(0))?.session ?? -Errno.ESRCH;
}

function sysGetresuid(task: Task, args: Registers): number {
  const { uid, euid, suid } = task.credentials;
  return writeIds(task, args, [uid, euid, suid]);
}

function sysGetresgid(task: Task, args: Registers): number {
  const { gid, egid, sgid } = task.credentials;
  return writeIds(task, args, [gid, egid, sgid]);
}

type Row = [number, string, SyscallRow['handler'], SyscallRow['args']];

/** What changes their answers withdraws them: `Task.credentials`, `Process.parent`, `Process.processGroup`, execve(2). */
const LASTING: ReadonlySet<string> = new Set([
  'getpid',
  'gettid',
  'getppid',
  'getpgrp',
  'getuid',
  'geteuid',
  'getgid',
  'getegid',
]);

const families: Row[] = [
  [39, 'getpid', (task) => task.pid, []],
  [102, 'getuid', (task) => task.credentials.uid, []],
  [104, 'getgid', (task) => task.credentials.gid, []],
  [105, 'setuid', (task, args) => setAll(task, args.argumentUint(0), 'u'), ['uint']],
  [106, 'setgid', (task, args) => setAll(task, args.argumentUint(0), 'g'), ['uint']],
  [107, 'geteuid', (task) => task.credentials.euid, []],
  [108, 'getegid', (task) => task.credentials.egid, []],
  [109, 'setpgid', sysSetpgid, ['int', 'int']],
  [110, 'getppid', (task) => task.process.parentPid, []],
  [111, 'getpgrp', (task) => task.process.processGroup, []],
  [112, 'setsid', sysSetsid, []],
  [113, 'setreuid', (task, args) => setReal(task, args, 'u'), ['int', 'int']],
  [114, 'setregid', (task, args) => setReal(task, args, 'g'), ['int', 'int']],
  [115, 'getgroups', sysGetgroups, ['int', 'pointer']],
  [116, 'setgroups', sysSetgroups, ['int', 'pointer']],
  [117, 'setresuid', (task, args) => setThreeOf(task, args, 'u'), ['int', 'int', 'int']],
  [118, 'getresuid', sysGetresuid, ['int-out', 'int-out', 'int-out']],
  [119, 'setresgid', (task, args) => setThreeOf(task, args, 'g'), ['int', 'int', 'int']],
  [120, 'getresgid', sysGetresgid, ['int-out', 'int-out', 'int-out']],
  [121, 'getpgid', sysGetpgid, ['int']],
  [122, 'setfsuid', (task, args) => setFileSystemId(task, args.argumentUint(0), 'u'), ['uint']],
  [123, 'setfsgid', (task, args) => setFileSystemId(task, args.argumentUint(0), 'g'), ['uint']],
  [124, 'getsid', sysGetsid, ['int']],
  [125, 'capget', sysCapget, ['pointer', 'pointer']],
  [126, 'capset', sysCapset, ['pointer', 'pointer']],
  [186, 'gettid', (task) => task.tid, []],
];

function setThreeOf(task: Task, args: Registers, kind: 'u' | 'g'): number {
  return setThree(task, kind, args.argumentUint(0), args.argumentUint(1), args.argumentUint(2));
}

export const rows: readonly SyscallRow[] = families.map(([number, name, handler, args]) => ({
  number,
  name,
  handler,
  args,
  ...(LASTING.has(name) ? { lasting: true } : {}),
  support: 'full',
}));
