/** One machine in an emulator, from its start to its end. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import type { Output } from './output.js';

export interface Machine {
  readonly process: ChildProcess;
  /** What the machine writes to its serial port. */
  readonly console: Readable;
  /** Where the emulator writes what it has to say of the machine. */
  readonly log: string;
}

/** How a machine ended: its command's status, or why there is none. */
export type End = { readonly status: number } | { readonly died: 'of itself' | 'too late' };

// eslint-disable-next-line no-control-regex -- what a terminal would take for its own
const ESCAPES = /\u001b(?:\[[0-9;?]*[A-Za-z]|c)|\r/g;

/** Lines that are shown of the machine's kernel, and of its emulator, where it died. */
const LAST_WORDS = 120;

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-LAST_WORDS).join('\n');
}

/** What the machine has said so far. */
class Said {
  status: number | undefined;
  readonly #kernel: string[] = [];

  constructor(readonly output: Output) {}

  /** Passes on what programs print, and keeps what the kernel does. */
  take(line: string): void {
    const status = /lane: status (\d+)/.exec(line)?.[1];
    if (status !== undefined) this.status = Number(status);
    else if (/^\[ *\d+\.\d{6}\]/.test(line)) this.#kernel.push(line);
    else this.output.write(line);
  }

  showKernel(): void {
    this.output.write(lastLines(this.#kernel.join('\n')));
  }
}

/** Ends the machine with this process, whatever ends that, until the function it gives is called. */
function tie(machine: ChildProcess): () => void {
  const kill = (): void => {
    machine.kill('SIGKILL');
  };
  const end = (): never => process.exit(1);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  process.once('exit', kill);
  for (const signal of signals) process.once(signal, end);
  return () => {
    process.off('exit', kill);
    for (const signal of signals) process.off(signal, end);
  };
}

/** Waits until the machine ends, or its time is over. */
export async function watch(
  { process: machine, console, log }: Machine,
  seconds: number,
  output: Output,
): Promise<End> {
  const untie = tie(machine);
  const start = Date.now();
  const timer = setTimeout(() => machine.kill('SIGKILL'), seconds * 1000);
  const said = new Said(output);
  const ended = new Promise<string>((resolve) => {
    machine.once('exit', (code, signal) => {
      resolve(signal ?? `status ${String(code)}`);
    });
  });
  for await (const raw of createInterface({ input: console })) {
    said.take(raw.replace(ESCAPES, ''));
    // Bochs goes on where the machine has halted.
    if (said.status !== undefined) setTimeout(() => machine.kill('SIGKILL'), 5_000).unref();
  }
  clearTimeout(timer);
  untie();
  const elapsed = (Date.now() - start) / 1000;
  output.write(
    `lane: the machine ran for ${Math.round(elapsed)} s; its emulator ended with ${await ended}`,
  );
  if (said.status !== undefined) return { status: said.status };
  said.showKernel();
  output.write('lane: what the emulator has written last:');
  if (existsSync(log)) output.write(lastLines(readFileSync(log, 'latin1')));
  return { died: elapsed > seconds ? 'too late' : 'of itself' };
}
