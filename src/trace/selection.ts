/** The sets that -e of strace(1) takes: of system calls, of signals and of ends. */
import { Signo, signalName } from '../kernel/abi/signal.js';
import { syscallNames } from '../kernel/abi/syscall-names.js';
import type { CallSelection } from '../kernel/trace/trace-event.js';
import { CALL_CLASSES } from './call-classes.js';

/** How a call ends; `unfinished` where its task ended first. */
export const STATUSES = ['successful', 'failed', 'unfinished'] as const;
export type Status = (typeof STATUSES)[number];

/** What -e says, as far as it says something. */
export interface Selection {
  readonly calls?: CallSelection;
  readonly signals?: ReadonlySet<number>;
  readonly statuses?: ReadonlySet<Status>;
}

/** An expression that is not understood; the message is for the user. */
export class SelectionError extends Error {
  override readonly name = 'SelectionError';
}

/** Classes that had a name before they were marked by %. */
const OLD_CLASSES: ReadonlySet<string> = new Set([
  'file',
  'process',
  'network',
  'signal',
  'ipc',
  'desc',
  'memory',
] as const);
const SIGNAL_COUNT = 64;
const numbers: ReadonlyMap<string, number> = new Map(
  [...syscallNames].map(([number, name]) => [name, number]),
);

/** `trace=!open,%net`, `signal=SIGCHLD`, `status=failed`, or a set of calls alone. */
export function parseExpression(text: string): Selection {
  const match = /^([a-z-]+)=(.*)$/s.exec(text);
  const [qualifier, set] = match === null ? ['trace', text] : [match[1] ?? '', match[2] ?? ''];
  switch (qualifier) {
    case 'trace':
    case 't':
      return { calls: parseCalls(set) };
    case 'signal':
    case 'signals':
    case 's':
      return { signals: chosen(ALL_SIGNALS, set, parseSignal) };
    case 'status':
      return { statuses: chosen(STATUSES, set, parseStatus) };
    default:
      throw new SelectionError(`-e takes trace=, signal= and status=, not "${qualifier}="`);
  }
}

/** A set of system calls: names, numbers, %classes, /expressions, all, none; `!` in front for all others. */
export function parseCalls(set: string): CallSelection {
  const inverted = set.startsWith('!');
  const body = inverted ? set.slice(1) : set;
  if (body === 'none') return { numbers: new Set(), inverted };
  // Calls without a name are among all of them, too.
  if (body.split(',').includes('all')) return { numbers: new Set(), inverted: !inverted };
  return { numbers: new Set(body.split(',').flatMap(parseCall)), inverted };
}

function parseCall(text: string): readonly number[] {
  const isOptional = text.startsWith('?');
  const name = (isOptional ? text.slice(1) : text).replace(/@64$/, '');
  const found = findCalls(name);
  if (found.length === 0 && !isOptional) throw new SelectionError(`no system call "${text}"`);
  return found;
}

function findCalls(name: string): readonly number[] {
  if (name.startsWith('/')) return matching(name.slice(1));
  const members = CALL_CLASSES.get(OLD_CLASSES.has(name) ? `%${name}` : name) ?? [name];
  return members.flatMap((member) => numbers.get(member) ?? byNumber(member));
}

function byNumber(text: string): readonly number[] {
  const number = /^\d+$/.test(text) ? Number(text) : -1;
  return syscallNames.has(number) ? [number] : [];
}

function matching(pattern: string): readonly number[] {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern);
  } catch {
    throw new SelectionError(`/${pattern} is no regular expression`);
  }
  return [...numbers].filter(([name]) => expression.test(name)).map(([, number]) => number);
}

const ALL_SIGNALS = Array.from({ length: SIGNAL_COUNT }, (_, index) => index + 1);

function parseSignal(text: string): number {
  const upper = text.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const number = /^\d+$/.test(text)
    ? Number(text)
    : ALL_SIGNALS.find((signo) => signalName(signo) === name || NUMBERS.get(name) === signo);
  if (number === undefined || !ALL_SIGNALS.includes(number)) {
    throw new SelectionError(`no signal "${text}"`);
  }
  return number;
}

const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(Signo));

function parseStatus(text: string): Status {
  const status = STATUSES.find((name) => name === text);
  if (status === undefined) {
    throw new SelectionError(`a status is ${STATUSES.join(', ')}, not "${text}"`);
  }
  return status;
}

/** The elements that a set names, or with `!` those of `all` that it does not. */
function chosen<Element>(
  all: readonly Element[],
  set: string,
  parse: (text: string) => Element,
): ReadonlySet<Element> {
  const inverted = set.startsWith('!');
  const body = inverted ? set.slice(1) : set;
  const named = new Set(
    body === 'all' ? all : body === 'none' ? [] : body.split(',').map((text) => parse(text)),
  );
  return inverted ? new Set(all.filter((element) => !named.has(element))) : named;
}
