/**
 * A lane: a KVM of another kind than this host's, in software. A machine is booted in an emulator with the host's
 * /usr and this repository in it, runs one command, and what it prints is passed on.
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import { cacheFolder, guest, guestNames } from '../guests/build.js';
import { DebianCache } from './debian.js';
import { buildHostFeatures } from './host-features.js';
import { buildInitramfs } from './initramfs.js';

export const ROOT = join(import.meta.dirname, '..', '..');
const KERNEL = '^linux-image-6[.0-9]+[+]deb12-amd64$';
const BOOT_TOOLS = ['cpio', 'kmod', 'xz-utils', 'busybox-static'];

export interface Machine {
  readonly process: ChildProcess;
  /** What the machine writes to its serial port. */
  readonly console: Readable;
  /** Where the emulator writes what it has to say of the machine. */
  readonly log: string;
}

/** What a machine is started with. */
export interface Parts {
  readonly image: string;
  readonly initramfs: string;
  /** Where the packages have been unpacked. */
  readonly tools: string;
  /** An empty folder, removed at the end. */
  readonly scratch: string;
}

export interface Lane {
  readonly title: string;
  /** The emulator's folder in the cache, and the Debian packages in it. */
  readonly emulator: string;
  readonly packages: readonly string[];
  readonly modules: readonly string[];
  /** Shell commands that mount /usr, /etc and the repository (at /lower). */
  readonly mount: string;
  /** Shell commands to run in the repository. */
  readonly command: string;
  readonly seconds: number;
  readonly start: (parts: Parts) => Machine;
}

export function progress(step: string): void {
  process.stdout.write(`lane: ${step}\n`);
}

/** How a boot ended: the command's status, or why there is none. */
type End = { readonly status: number } | { readonly died: 'in an oops' | 'silently' | 'too late' };

/** Boots the lane's machine, once more if its kernel dies, and gives the command's status. */
export async function runLane(lane: Lane): Promise<number> {
  const cache = new DebianCache(cacheFolder('lanes'));
  const tools = cache.unpack(lane.emulator, lane.packages, progress);
  const bootTools = cache.unpack('boot-tools', BOOT_TOOLS, progress);
  const kernel = kernelFolder(cache);
  progress('compiling what runs in the machine');
  buildHostFeatures();
  for (const name of guestNames) guest(name);
  const scratch = join(cache.folder, `run-${process.pid}`);
  process.on('exit', () => {
    rmSync(scratch, { recursive: true, force: true });
  });
  mkdirSync(scratch);
  const initramfs = join(scratch, 'initramfs.gz');
  const init = readFileSync(join(import.meta.dirname, 'guest-init.sh'), 'utf8');
  const files = { mount: lane.mount, command: lane.command };
  buildInitramfs({ kernel, tools: bootTools, modules: lane.modules, init, files }, initramfs);
  let boots = 0;
  const boot = (): Promise<End> => {
    const own = join(scratch, `boot-${++boots}`);
    mkdirSync(own);
    progress(`booting ${kernel.slice(kernel.lastIndexOf('/') + 1)} with ${lane.title}`);
    return watch(
      lane.start({ image: imageOf(kernel), initramfs, tools, scratch: own }),
      lane.seconds,
    );
  };
  let end = await boot();
  if ('died' in end && end.died === 'in an oops') {
    progress("the machine's kernel died, as seen above; once more");
    end = await boot();
  }
  if ('status' in end) return end.status;
  progress(`the machine died ${end.died}, without a word on the tests`);
  return 1;
}

function kernelFolder(cache: DebianCache): string {
  const existing = readdirSync(cache.folder).find((name) => name.startsWith('linux-image-'));
  const name = existing ?? cache.newest(KERNEL);
  return cache.unpack(name, [name], progress);
}

function imageOf(kernel: string): string {
  const image = readdirSync(join(kernel, 'boot')).find((name) => name.startsWith('vmlinuz'));
  if (image === undefined) throw new Error('the kernel package has no image');
  return join(kernel, 'boot', image);
}

// eslint-disable-next-line no-control-regex -- what a terminal would take for its own
const ESCAPES = /\u001b(?:\[[0-9;?]*[A-Za-z]|c)|\r/g;

/** Lines that are shown of the machine's kernel, and of its emulator, where it died. */
const LAST_WORDS = 120;

function lastLines(text: string): string {
  return `${text.trimEnd().split('\n').slice(-LAST_WORDS).join('\n')}\n`;
}

/** What the machine has said so far. */
class Said {
  status: number | undefined;
  oops = false;
  readonly #kernel: string[] = [];

  /** Passes on what programs print, and keeps what the kernel does. */
  take(line: string): void {
    const status = /lane: status (\d+)/.exec(line)?.[1];
    this.oops ||= /Kernel panic|Oops:|kernel BUG at/.test(line);
    if (status !== undefined) this.status = Number(status);
    else if (/^\[ *\d+\.\d{6}\]/.test(line)) this.#kernel.push(line);
    else process.stdout.write(`${line}\n`);
  }

  showKernel(): void {
    process.stdout.write(lastLines(this.#kernel.join('\n')));
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
async function watch({ process: machine, console, log }: Machine, seconds: number): Promise<End> {
  const untie = tie(machine);
  const start = Date.now();
  const timer = setTimeout(() => machine.kill('SIGKILL'), seconds * 1000);
  const said = new Said();
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
  progress(`the machine ran for ${Math.round(elapsed)} s; its emulator ended with ${await ended}`);
  if (said.status !== undefined) return { status: said.status };
  said.showKernel();
  progress('what the emulator has written last:');
  if (existsSync(log)) process.stdout.write(lastLines(readFileSync(log, 'latin1')));
  return { died: elapsed > seconds ? 'too late' : said.oops ? 'in an oops' : 'silently' };
}
