/** Delivers pending signals to a task that is about to return to the guest, signal(7). */
import { Register } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import {
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESETHAND,
  SA_RESTART,
  SA_RESTORER,
  SIG_DFL,
  SIG_IGN,
  SS_AUTODISARM,
  SiCode,
  Signo,
} from '../abi/signal.js';
import { isOrphanedGroup } from '../task/process-group.js';
import { abortSequence } from '../task/restartable-sequence.js';
import type { Task } from '../task/task.js';
import { isRestartable } from './call-restart.js';
import { defaultAction } from './default-action.js';
import type { SignalAction } from './signal-actions.js';
import { NO_ALTERNATE_STACK, buildFrame, enterHandler } from './signal-frame.js';
import type { SignalInfo } from './signal-info.js';

/** Told of each signal as it takes effect. */
export type SignalObserver = (task: Task, info: SignalInfo) => void;

/** Length of the `syscall` instruction. */
const SYSCALL_LENGTH = 2;
/** Number of restart_syscall(2). */
const RESTART_SYSCALL = 219;

/**
 * Delivers what is pending, until a handler is entered, the process ends or stops, or nothing is left. Restarts
 * a call that was cut short where the action asks for it.
 */
export function deliverSignals(task: Task, observe: SignalObserver | undefined): void {
  const { process } = task;
  while (!task.isEnding && !process.stopped) {
    const info = task.pending.take(task.blocked) ?? process.pending.take(task.blocked);
    if (info === undefined) break;
    const action = process.actions.get(info.signo);
    if (action.handler === SIG_IGN && !isForced(info.signo)) continue;
    observe?.(task, info);
    if (action.handler === SIG_DFL || isForced(info.signo)) {
      applyDefault(task, info);
      continue;
    }
    runHandler(task, info, action);
    return;
  }
  if (task.isEnding) return;
  // No handler ran: what was cut short goes on as if nothing had been.
  if (task.interruptedCall >= 0) restartCall(task);
  if (task.savedMask !== undefined && !process.stopped) {
    task.blocked = task.savedMask;
    task.savedMask = undefined;
  }
}

function isForced(signo: number): boolean {
  return signo === Signo.SIGKILL || signo === Signo.SIGSTOP;
}

function applyDefault(task: Task, info: SignalInfo): void {
  switch (defaultAction(info.signo)) {
    case 'terminate':
    case 'core':
      task.process.exit({ signal: info.signo, coreDumped: false });
      break;
    case 'stop':
      if (
        info.signo === Signo.SIGSTOP ||
        !isOrphanedGroup(task.kernel, task.process.processGroup)
      ) {
        task.process.stop(info.signo);
      }
      break;
    case 'ignore':
    case 'continue':
      break;
  }
}

function runHandler(task: Task, info: SignalInfo, action: SignalAction): void {
  if (task.interruptedCall >= 0 && restartsAfter(task, action)) restartCall(task);
  task.interruptedCall = -1;
  task.restarts = 'by-rule';
  task.resume = undefined;
  abortSequence(task);
  const mask = task.savedMask ?? task.blocked;
  const frame = buildFrame(task.registers, {
    info,
    restorer: action.restorer,
    mask,
    stack: task.alternateStack,
    useAlternateStack: (action.flags & SA_ONSTACK) !== 0,
    extendedState: task.context.getExtendedState(),
  });
  const placed =
    frame !== undefined &&
    (action.flags & SA_RESTORER) !== 0 &&
    task.mm.write(frame.address, frame.bytes) === 0;
  task.savedMask = undefined;
  if (!placed) {
    // No room for the frame: Linux ends the process with SIGSEGV, or lets that signal's handler try.
    if (info.signo === Signo.SIGSEGV) task.process.actions.reset(Signo.SIGSEGV);
    task.blocked = mask;
    task.forceSignal({ signo: Signo.SIGSEGV, code: SiCode.SI_KERNEL, address: 0n });
    deliverSignals(task, undefined);
    return;
  }
  enterHandler(task.registers, frame, action.handler);
  if ((task.alternateStack.flags & SS_AUTODISARM) !== 0) task.alternateStack = NO_ALTERNATE_STACK;
  if ((action.flags & SA_RESETHAND) !== 0) task.process.actions.reset(info.signo);
  const blocked = task.blocked.union(action.mask);
  if ((action.flags & SA_NODEFER) === 0) blocked.add(info.signo);
  task.setBlocked(blocked);
}

/** Whether the call that was cut short goes on behind a handler. */
function restartsAfter(task: Task, { flags }: SignalAction): boolean {
  if (task.restarts === 'always') return true;
  const { interruptedCall, resume } = task;
  return (flags & SA_RESTART) !== 0 && resume === undefined && isRestartable(interruptedCall);
}

/** Points the registers at the `syscall` instruction again. */
function restartCall(task: Task): void {
  const { registers, interruptedCall, resume } = task;
  if (registers.lowInt32(Register.Rax) === -Errno.EINTR) {
    registers.setNumber(Register.Rax, resume === undefined ? interruptedCall : RESTART_SYSCALL);
    registers.setNumber(Register.Rip, registers.getNumber(Register.Rip) - SYSCALL_LENGTH);
  }
  task.interruptedCall = -1;
  task.restarts = 'by-rule';
}
