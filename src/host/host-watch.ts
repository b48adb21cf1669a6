/** Waiting until a host descriptor is ready, with no thread and without touching its flags. */
import { hostFiles } from './host-files.js';

interface Waiter {
  readonly events: number;
  readonly wake: () => void;
}

/** What a waiter is told of besides the events it asked for, as poll(2): POLLERR, POLLHUP. */
const ALWAYS = 0x18;

const waiters = new Map<number, Set<Waiter>>();
let listening = false;

function arm(fd: number): number {
  let events = 0;
  for (const waiter of waiters.get(fd) ?? []) {
    events |= waiter.events;
  }
  return hostFiles.watchStart(fd, events);
}

function onReady(fd: number, events: number): void {
  const waiting = waiters.get(fd);
  if (waiting === undefined) {
    return;
  }
  const ready = [...waiting].filter((waiter) => events & (waiter.events | ALWAYS));
  for (const waiter of ready) {
    waiting.delete(waiter);
  }
  if (waiting.size === 0) {
    waiters.delete(fd);
  } else {
    arm(fd);
  }
  for (const waiter of ready) {
    waiter.wake();
  }
}

/**
 * Calls `wake` once when one of `events` (poll(2) bits) holds. Gives what ends the wait. A descriptor that is
 * always ready, such as a regular file, wakes at once.
 */
export function watchHostFd(fd: number, events: number, wake: () => void): () => void {
  if (!listening) {
    listening = true;
    hostFiles.watchListener(onReady);
  }
  const waiter: Waiter = { events, wake };
  const waiting = waiters.get(fd) ?? new Set<Waiter>();
  waiters.set(fd, waiting);
  waiting.add(waiter);
  if (arm(fd) < 0) {
    unwatch(fd, waiter);
    queueMicrotask(wake);
    return () => undefined;
  }
  return () => {
    unwatch(fd, waiter);
  };
}

function unwatch(fd: number, waiter: Waiter): void {
  const waiting = waiters.get(fd);
  if (waiting === undefined || !waiting.delete(waiter)) {
    return;
  }
  if (waiting.size === 0) {
    waiters.delete(fd);
    hostFiles.watchStop(fd);
  } else {
    arm(fd);
  }
}
