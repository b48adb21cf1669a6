/** Makes the tree of mounts that a sandbox sees. */
import { Errno } from '../abi/errno.js';
import type { GuestMemory } from '../guest.js';
import { kernelDevice, SHM_DEVICE } from './device-numbers.js';
import { populateDevices } from './dev/devfs.js';
import { FsContext } from './fs-context.js';
import { HostFs } from './host-fs.js';
import { MountNamespace } from './namespace.js';
import { OverlayFs } from './overlay.js';
import { Walk } from './path-walk.js';
import { ProcFs } from './proc/procfs.js';
import { SysFs } from './proc/sysfs.js';
import { Tmpfs } from './tmpfs.js';
import { DevPts } from './tty/devpts.js';
import type { UserFileSystem } from './user/user-file-system.js';
import { UserFs } from './user/user-fs.js';

const FIRST_USER_DEVICE = 64;

export interface Bind {
  /** Directory or file of the host. */
  readonly host: string;
  /** Absolute path in the guest. */
  readonly guest: string;
  readonly readOnly: boolean;
}

export interface UserMount {
  /** Absolute path in the guest. */
  readonly guest: string;
  readonly files: UserFileSystem;
}

export interface FsContextOptions {
  /** Directory of the host that the guest sees as `/`; it is never changed. */
  readonly rootfs: string;
  readonly binds?: readonly Bind[];
  readonly userMounts?: readonly UserMount[];
  /** Told of what file systems of the user's do wrong. */
  readonly onDefect?: (message: string, error?: unknown) => void;
  readonly memory: GuestMemory;
  /** Working directory in the guest; `/` by default. */
  readonly cwd?: string;
  readonly umask?: number;
}

/** @throws {HostDirectoryError} for a host directory that cannot be opened, {Error} for a place that cannot be */
export function createFsContext(options: FsContextOptions): FsContext {
  const { memory } = options;
  const namespace = new MountNamespace(memory, new OverlayFs(memory, options.rootfs), {
    source: 'overlay',
  });
  try {
    const devices = new Tmpfs(memory, kernelDevice(5), { type: 'devtmpfs', mode: 0o755 });
    const devpts = new DevPts(memory);
    populateDevices(namespace.mountAt('/dev', devices), devices, devpts);
    devpts.mount = namespace.mountAt('/dev/pts', devpts);
    namespace.mountAt('/proc', new ProcFs(namespace), { noExecute: true, source: 'proc' });
    namespace.mountAt('/sys', new SysFs(), { readOnly: true });
    namespace.mountAt('/dev/shm', new Tmpfs(memory, SHM_DEVICE));
    for (const { host, guest, readOnly } of options.binds ?? []) {
      const place = Buffer.from(guest).toString('latin1');
      namespace.mountAt(place, new HostFs(memory, host), { readOnly, source: 'bind' });
    }
    (options.userMounts ?? []).forEach(({ guest, files }, index) => {
      const device = kernelDevice(FIRST_USER_DEVICE + index);
      const fs = new UserFs(files, memory, device, options.onDefect ?? (() => undefined));
      const place = Buffer.from(guest).toString('latin1');
      namespace.mountAt(place, fs, { readOnly: true, source: 'user' });
    });
    const context = new FsContext(namespace);
    context.umask = options.umask ?? context.umask;
    enter(context, options.cwd ?? '/');
    return context;
  } catch (error) {
    namespace.dispose();
    throw error;
  }
}

/** Makes `cwd` the working directory. @throws {WorkingDirectoryError} */
export function enter(context: FsContext, cwd: string): void {
  const caller = { credentials: context.credentials, pid: 0, tid: 0 };
  const path = Buffer.from(cwd).toString('latin1');
  const error = context.resolve(caller, path, Walk.Follow);
  if (error < 0) throw new WorkingDirectoryError(cwd, -error);
  if (context.walk.dentry?.inode?.isDirectory !== true) {
    throw new WorkingDirectoryError(cwd, Errno.ENOTDIR);
  }
  context.cwd = context.walk.location;
}

/** The working directory asked for is not a directory in the guest. */
export class WorkingDirectoryError extends Error {
  override readonly name = 'WorkingDirectoryError';

  constructor(
    readonly path: string,
    readonly errno: number,
  ) {
    super(`no such directory in the sandbox: ${path}`);
  }
}
