/** Sending and receiving, with waiting: what read(2), sendto(2), recvmsg(2) and the others share. */
import { Errno } from '../abi/errno.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../abi/poll.js';
import { Signo } from '../abi/signal.js';
import { Msg } from '../abi/socket.js';
import { Incoming, type Outgoing } from '../net/message.js';
import type { Socket } from '../net/socket.js';
import type { Task } from '../task/task.js';
import type { Segment } from './file-slices.js';
import { GuestSink, GuestSource } from './guest-vector.js';
import type { SyscallResult } from './row.js';
import { TaskActor } from './socket-places.js';
import { attempt } from './socket-wait.js';

function mayWait(socket: Socket, flags: number): boolean {
  return !socket.nonBlocking && (flags & Msg.DONTWAIT) === 0;
}

/** Sends a message, or all of a stream's bytes: how many, or -errno. */
export function sendSegments(
  task: Task,
  socket: Socket,
  segments: readonly Segment[],
  message: Outgoing,
): SyscallResult {
  const source = new GuestSource(task.mm, segments);
  let sent = 0;
  // What goes along goes with the first bytes.
  let next = message.actor === undefined ? { ...message, actor: new TaskActor(task) } : message;
  const act = (): number => {
    do {
      const count = socket.send(source, next);
      if (count < 0) return sent > 0 && count !== -Errno.EAGAIN ? sent : count;
      sent += count;
      if (next.rights !== undefined) next = { ...next, rights: [] };
    } while (source.remaining > 0 && socket.isStream);
    return sent;
  };
  const timeout = mayWait(socket, message.flags) ? socket.options.sendTimeout : 0;
  const result = attempt(task, socket, POLL_WRITABLE, timeout, act);
  const finish = (count: number): number => {
    if (count < 0 && sent > 0) return sent;
    const isSilent = (message.flags & Msg.NOSIGNAL) !== 0 || !socket.isStream;
    if (count === -Errno.EPIPE && !isSilent) task.sendSignal(Signo.SIGPIPE);
    return count;
  };
  return typeof result === 'number' ? finish(result) : result.then(finish);
}

/** Receives a message, or bytes of a stream; with MSG_WAITALL as many as are asked for. */
export function receiveSegments(
  task: Task,
  socket: Socket,
  segments: readonly Segment[],
  into: Incoming,
): SyscallResult {
  const sink = new GuestSink(task.mm, segments);
  const waitsForAll = socket.isStream && (into.request & Msg.WAITALL) !== 0 && !into.peeks;
  let received = 0;
  const act = (): number => {
    for (;;) {
      const count = socket.receive(sink, into);
      if (count < 0) return received > 0 && count !== -Errno.EAGAIN ? received : count;
      received += count;
      const goesOn = waitsForAll && count > 0 && into.rights.length === 0;
      if (!goesOn || sink.room === 0) return received;
    }
  };
  const timeout = mayWait(socket, into.request) ? socket.options.receiveTimeout : 0;
  const events = into.request & Msg.OOB ? Poll.PRI : POLL_READABLE | Poll.RDHUP;
  const result = attempt(task, socket, events, timeout, act);
  const finish = (count: number): number => (count < 0 && received > 0 ? received : count);
  return typeof result === 'number' ? finish(result) : result.then(finish);
}

/** read(2) and readv(2) of a socket. Files that come along are dropped. */
export function readSocket(
  task: Task,
  socket: Socket,
  segments: readonly Segment[],
  flags = 0,
): SyscallResult {
  const into = new Incoming(flags);
  const finish = (count: number): number => {
    for (const file of into.rights) file.decRef();
    return count;
  };
  const result = receiveSegments(task, socket, segments, into);
  return typeof result === 'number' ? finish(result) : result.then(finish);
}
