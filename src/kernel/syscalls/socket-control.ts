/** Control messages in guest memory, cmsg(3): open files, credentials, and those of the protocols. */
import { Errno } from '../abi/errno.js';
import { Af, Msg, Scm, SCM_MAX_FD, SOL_SOCKET } from '../abi/socket.js';
import { readWord, writeWord } from '../abi/word.js';
import type { OpenFile } from '../fs/open-file.js';
import type { Ucred } from '../net/actor.js';
import type { ControlMessage, Incoming } from '../net/message.js';
import type { Socket } from '../net/socket.js';
import { Rlimit } from '../task/resource-limits.js';
import type { Task } from '../task/task.js';
import { giveDescriptor } from './file-descriptor-argument.js';

const HEADER = 16;
/** /proc/sys/net/core/optmem_max. */
const CONTROL_MAX = 131072;
const UCRED_SIZE = 12;

function align(length: number): number {
  return Math.ceil(length / 8) * 8;
}

/** What control messages say. The references of `rights` are the caller's. */
export interface Control {
  readonly rights: OpenFile[];
  credentials: Ucred | undefined;
  readonly messages: ControlMessage[];
}

export function dropControl({ rights }: Control): void {
  for (const file of rights) file.decRef();
}

/** -ENOBUFS, -EFAULT, -EINVAL, -EBADF, -EPERM, -ETOOMANYREFS. */
export function readControl(
  task: Task,
  socket: Socket,
  address: number,
  length: number,
): Control | number {
  const control: Control = { rights: [], credentials: undefined, messages: [] };
  if (length === 0) return control;
  if (length > CONTROL_MAX) return -Errno.ENOBUFS;
  const bytes = Buffer.alloc(length);
  if (!task.mm.read(address, bytes)) return -Errno.EFAULT;
  for (let at = 0; at + HEADER <= length;) {
    const size = readWord(bytes, at);
    const error =
      size < HEADER || size > length - at
        ? -Errno.EINVAL
        : readOne(task, socket, bytes.subarray(at, at + size), control);
    if (error < 0) {
      dropControl(control);
      return error;
    }
    at += align(size);
  }
  return control;
}

function readOne(task: Task, socket: Socket, message: Buffer, control: Control): number {
  const level = message.readInt32LE(8);
  const type = message.readInt32LE(12);
  const data = message.subarray(HEADER);
  const isUnix = socket.kind.domain === Af.UNIX;
  if (level !== SOL_SOCKET || !isUnix) {
    if (level !== SOL_SOCKET) control.messages.push({ level, type, data });
    return 0;
  }
  switch (type) {
    case Scm.RIGHTS:
      return readRights(task, socket, data, control);
    case Scm.CREDENTIALS:
      return readCredentials(task, data, control);
    default:
      return -Errno.EINVAL;
  }
}

function readRights(task: Task, socket: Socket, data: Buffer, { rights }: Control): number {
  const count = Math.floor(data.length / 4);
  if (rights.length + count > SCM_MAX_FD) return -Errno.EINVAL;
  const { network } = socket;
  if (network.rights.count + count > task.process.limits.soft(Rlimit.Nofile)) {
    network.rights.collect(network);
    if (network.rights.count + count > task.process.limits.soft(Rlimit.Nofile)) {
      return -Errno.ETOOMANYREFS;
    }
  }
  for (let at = 0; at < count; at++) {
    const file = task.files.get(data.readInt32LE(at * 4));
    if (file === undefined) return -Errno.EBADF;
    file.incRef();
    rights.push(file);
  }
  return 0;
}

/** One may only say who one is; the superuser may say what it likes, of a process that is there. */
function readCredentials(task: Task, data: Buffer, control: Control): number {
  if (data.length !== UCRED_SIZE) return -Errno.EINVAL;
  const told = { pid: data.readInt32LE(0), uid: data.readUInt32LE(4), gid: data.readUInt32LE(8) };
  const own = task.credentials;
  if (own.euid !== 0) {
    const isOwn =
      told.pid === task.pid &&
      [own.uid, own.euid, own.suid].includes(told.uid) &&
      [own.gid, own.egid, own.sgid].includes(told.gid);
    if (!isOwn) return -Errno.EPERM;
  } else if (told.pid !== task.pid && !task.kernel.processes.has(told.pid)) {
    return -Errno.ESRCH;
  }
  control.credentials = told;
  return 0;
}

/** Builds what recvmsg(2) gives; what does not fit is cut off or left out, and MSG_CTRUNC says so. */
class ControlWriter {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(
    room: number,
    readonly into: Incoming,
  ) {
    this.#bytes = Buffer.alloc(Math.min(room, CONTROL_MAX));
  }

  get written(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Bytes of data that another message may have; negative where not even its header fits. */
  get room(): number {
    return this.#bytes.length - this.#at - HEADER;
  }

  put({ level, type, data }: ControlMessage): void {
    if (this.room < 0) {
      this.into.flags |= Msg.CTRUNC;
      return;
    }
    if (this.room < data.length) this.into.flags |= Msg.CTRUNC;
    const size = HEADER + Math.min(this.room, data.length);
    writeWord(this.#bytes, this.#at, size);
    this.#bytes.writeInt32LE(level, this.#at + 8);
    this.#bytes.writeInt32LE(type, this.#at + 12);
    data.copy(this.#bytes, this.#at + HEADER, 0, size - HEADER);
    this.#at = Math.min(this.#bytes.length, this.#at + align(size));
  }
}

/** Gives out what came along; a file without room or descriptor is closed. Bytes written, or -EFAULT. */
export function writeControl(task: Task, into: Incoming, address: number, room: number): number {
  const writer = new ControlWriter(room, into);
  for (const message of into.control) writer.put(message);
  if (into.rights.length > 0) putRights(task, into, writer);
  const { written } = writer;
  return task.mm.write(address, written) < 0 ? -Errno.EFAULT : written.length;
}

function putRights(task: Task, into: Incoming, writer: ControlWriter): void {
  const fits = Math.max(0, Math.floor(writer.room / 4));
  const closeOnExec = (into.request & Msg.CMSG_CLOEXEC) !== 0;
  const descriptors: number[] = [];
  let full = false;
  for (const file of into.rights) {
    const fd = full || descriptors.length >= fits ? -1 : giveDescriptor(task, file, closeOnExec);
    if (fd >= 0) descriptors.push(fd);
    else if (full || descriptors.length >= fits) file.decRef();
    else full = true;
  }
  if (descriptors.length < into.rights.length) into.flags |= Msg.CTRUNC;
  into.rights = [];
  if (descriptors.length === 0) return;
  const data = Buffer.from(new Int32Array(descriptors).buffer);
  writer.put({ level: SOL_SOCKET, type: Scm.RIGHTS, data });
}
