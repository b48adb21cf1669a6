/** /proc/PID/status and /proc/PID/stat. */
import { uptime } from 'node:os';
import { SIG_IGN, SIG_DFL, SIGNAL_COUNT } from '../../abi/signal.js';
import { PAGE_SIZE } from '../../../platform/file-range.js';
import { SignalSet } from '../../signal/signal-set.js';
import { Rlimit } from '../../task/resource-limits.js';
import type { Task } from '../../task/task.js';
import { Terminals } from '../tty/terminals.js';

const KIB = 1024;

/** The state's letter and its name. */
function stateOf(task: Task): readonly [string, string] {
  if (task.process.isZombie) {
    return ['Z', 'zombie'];
  }
  if (task.process.stopped) {
    return ['T', 'stopped'];
  }
  return task.isWaiting ? ['S', 'sleeping'] : ['R', 'running'];
}

function kib(bytes: number): string {
  return `${String(Math.floor(bytes / KIB)).padStart(8)} kB`;
}

/** `comm` may hold what would break the line. */
function escapeName(name: string): string {
  return name.replace(/[\n\\]/g, (character) => (character === '\n' ? '\\n' : '\\\\'));
}

function signalMask({ low, high }: SignalSet): string {
  const hex = (half: number): string => (half >>> 0).toString(16).padStart(8, '0');
  return hex(high) + hex(low);
}

/** Signals whose handler is of that kind. */
function signalsWhere(task: Task, matches: (handler: number) => boolean): SignalSet {
  const set = new SignalSet();
  for (let signo = 1; signo <= SIGNAL_COUNT; signo++) {
    if (matches(task.process.actions.get(signo).handler)) {
      set.add(signo);
    }
  }
  return set;
}

type Rows = readonly (readonly [string, string])[];

function identityRows(task: Task): Rows {
  const { process, credentials: ids } = task;
  const [letter, state] = stateOf(task);
  return [
    ['Name', escapeName(task.comm)],
    ['Umask', task.fsContext.umask.toString(8).padStart(4, '0')],
    ['State', `${letter} (${state})`],
    ['Tgid', String(task.pid)],
    ['Ngid', '0'],
    ['Pid', String(task.tid)],
    ['PPid', String(process.parentPid)],
    ['TracerPid', '0'],
    ['Uid', [ids.uid, ids.euid, ids.suid, ids.fsuid].join('\t')],
    ['Gid', [ids.gid, ids.egid, ids.sgid, ids.fsgid].join('\t')],
    ['FDSize', '64'],
    ['Groups', `${ids.groups.join(' ')} `],
    ['NStgid', String(task.pid)],
    ['NSpid', String(task.tid)],
    ['NSpgid', String(process.processGroup)],
    ['NSsid', String(process.session)],
  ];
}

function memoryRows({ mm }: Task): Rows {
  const [total, resident] = [kib(mm.totalBytes), kib(mm.residentBytes)];
  const none = kib(0);
  return [
    ['VmPeak', total],
    ['VmSize', total],
    ['VmLck', kib(mm.lockedBytes)],
    ['VmPin', none],
    ['VmHWM', resident],
    ['VmRSS', resident],
    ['RssAnon', resident],
    ['RssFile', none],
    ['RssShmem', none],
    ['VmData', total],
    ['VmStk', kib(132 * KIB)],
    ['VmExe', kib(mm.program.endCode - mm.program.startCode)],
    ['VmLib', none],
    ['VmPTE', none],
    ['VmSwap', none],
  ];
}

function signalRows(task: Task): Rows {
  const { process } = task;
  const queued = process.limits.soft(Rlimit.Sigpending);
  return [
    ['Threads', String(Math.max(1, process.tasks.size))],
    ['SigQ', `0/${queued === Infinity ? '4294967295' : String(queued)}`],
    ['SigPnd', signalMask(task.pending.set)],
    ['ShdPnd', signalMask(process.pending.set)],
    ['SigBlk', signalMask(task.blocked)],
    ['SigIgn', signalMask(signalsWhere(task, (handler) => handler === SIG_IGN))],
    [
      'SigCgt',
      signalMask(signalsWhere(task, (handler) => handler !== SIG_IGN && handler !== SIG_DFL)),
    ],
  ];
}

const CAPABILITIES = '000001ffffffffff';
const NO_CAPABILITIES = '0000000000000000';

function boundingSet({ process }: Task): string {
  let set = BigInt(`0x${CAPABILITIES}`);
  for (const capability of process.attributes.droppedCapabilities)
    set &= ~(1n << BigInt(capability));
  return set.toString(16).padStart(CAPABILITIES.length, '0');
}

/** Root has them all inside, others none. */
function capabilityRows(task: Task): Rows {
  const own = task.credentials.euid === 0 ? CAPABILITIES : NO_CAPABILITIES;
  return [
    ['CapInh', NO_CAPABILITIES],
    ['CapPrm', own],
    ['CapEff', own],
    ['CapBnd', boundingSet(task)],
    ['CapAmb', NO_CAPABILITIES],
    ['NoNewPrivs', task.process.attributes.noNewPrivileges ? '1' : '0'],
    ['Seccomp', '0'],
    ['Seccomp_filters', '0'],
  ];
}

export function statusText(task: Task): string {
  const cpus = task.kernel.cpuCount;
  const rows: Rows = [
    ...identityRows(task),
    ...memoryRows(task),
    ...signalRows(task),
    ...capabilityRows(task),
    ['Cpus_allowed', (2 ** Math.min(cpus, 32) - 1).toString(16)],
    ['Cpus_allowed_list', cpus === 1 ? '0' : `0-${String(cpus - 1)}`],
    ['Mems_allowed', '1'],
    ['Mems_allowed_list', '0'],
    ['voluntary_ctxt_switches', '0'],
    ['nonvoluntary_ctxt_switches', '0'],
  ];
  return rows.map(([name, value]) => `${name}:\t${value}\n`).join('');
}

const TICKS_PER_MILLISECOND = 0.1;
const RSS_LIMIT = '18446744073709551615';
const SIGCHLD = 17;

/** The fields of /proc/PID/stat behind `comm`, proc_pid_stat(5): numbers 3 to 52. */
export function statText(task: Task): string {
  const { process, mm } = task;
  const { program } = mm;
  const [state] = stateOf(task);
  const ticks = Math.floor(task.cpuTime * TICKS_PER_MILLISECOND);
  const age = performance.now() - task.startTime;
  const started = Math.floor((uptime() * 1000 - age) * TICKS_PER_MILLISECOND);
  const terminal = Terminals.of(task.kernel).find(process);
  const group = [process.parentPid, process.processGroup, process.session];
  const control = [terminal?.device ?? 0, terminal?.foregroundGroup ?? -1];
  const head = [state, ...group, ...control, 4194304];
  const faults = [0, 0, 0, 0];
  const times = [ticks, 0, 0, 0];
  const schedule = [20 + process.nice, process.nice, Math.max(1, process.tasks.size), 0, started];
  const memory = [mm.totalBytes, Math.floor(mm.residentBytes / PAGE_SIZE), RSS_LIMIT];
  const layout = [program.startCode, program.endCode, program.startStack, 0, 0];
  const masks = [
    task.pending.set.low >>> 0,
    task.blocked.low >>> 0,
    signalsWhere(task, (handler) => handler === SIG_IGN).low >>> 0,
    signalsWhere(task, (handler) => handler !== SIG_IGN && handler !== SIG_DFL).low >>> 0,
  ];
  const rest = [0, 0, 0, SIGCHLD, 0, 0, 0, 0, 0, 0];
  const { startData, endData, argStart, argEnd, envStart, envEnd } = program;
  const data = [startData, endData, mm.startBrk, argStart, argEnd, envStart, envEnd, 0];
  const fields = [head, faults, times, schedule, memory, layout, masks, rest, data].flat();
  return `${String(task.tid)} (${task.comm}) ${fields.join(' ')}\n`;
}
