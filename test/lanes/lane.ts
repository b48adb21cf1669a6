/**
 * A lane: a KVM of another kind than this host's, in software. Machines are booted in an emulator with the host's
 * /usr and this repository in them, each runs one command, and what it prints is passed on.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

import { cacheFolder, guest, guestNames } from '../guests/build.js';
import { DebianCache } from './debian.js';
import { buildHostFeatures } from './host-features.js';
import { buildInitramfs } from './initramfs.js';
import { watch, type Machine } from './machine.js';
import { Output, progress } from './output.js';

export const ROOT = join(import.meta.dirname, '..', '..');
const KERNEL = '^linux-image-6[.0-9]+[+]deb12-amd64$';
const BOOT_TOOLS = ['cpio', 'kmod', 'xz-utils', 'busybox-static'];

/** What a machine is started with. */
export interface Parts {
  readonly image: string;
  readonly initramfs: string;
  /** Where the packages have been unpacked. */
  readonly tools: string;
  /** An empty folder of the boot's own, and one that all machines of the lane have; both are removed at the end. */
  readonly scratch: string;
  readonly shared: string;
}

export interface Lane {
  readonly title: string;
  /** The emulator's folder in the cache, and the Debian packages in it. */
  readonly emulator: string;
  readonly packages: readonly string[];
  readonly modules: readonly string[];
  /** Shell commands that mount /usr, /etc and the repository (at /lower). */
  readonly mount: string;
  /** Shell commands to run in the repository: each in a machine of its own, all at once. */
  readonly commands: readonly string[];
  readonly seconds: number;
  readonly start: (parts: Parts) => Machine;
}

/** A kernel that dies in an emulator says nothing of the tests: so often it is booted in all. */
const BOOTS = 3;

/** Boots the lane's machines, and gives the highest of the commands' statuses. */
export async function runLane(lane: Lane): Promise<number> {
  const cache = new DebianCache(cacheFolder('lanes'));
  const tools = cache.unpack(lane.emulator, lane.packages, progress);
  const bootTools = cache.unpack('boot-tools', BOOT_TOOLS, progress);
  const kernel = kernelFolder(cache);
  progress('compiling what runs in the machine');
  buildHostFeatures();
  for (const name of guestNames) guest(name);
  const shared = join(cache.folder, `run-${process.pid}`);
  process.on('exit', () => {
    rmSync(shared, { recursive: true, force: true });
  });
  mkdirSync(shared);
  const init = readFileSync(join(import.meta.dirname, 'guest-init.sh'), 'utf8');

  const run = async (command: string, output: Output): Promise<number> => {
    const folder = mkdtempSync(join(shared, 'machine-'));
    const initramfs = join(folder, 'initramfs.gz');
    const files = { mount: lane.mount, command };
    buildInitramfs({ kernel, tools: bootTools, modules: lane.modules, init, files }, initramfs);
    for (let boots = 1; ; boots++) {
      output.write(`lane: booting ${basename(kernel)} with ${lane.title}`);
      const scratch = mkdtempSync(join(folder, 'boot-'));
      const machine = lane.start({ image: imageOf(kernel), initramfs, tools, scratch, shared });
      const end = await watch(machine, lane.seconds, output);
      if ('status' in end) return end.status;
      output.write(`lane: the machine died ${end.died}, without a word on the tests`);
      if (end.died === 'too late' || boots === BOOTS) return 1;
    }
  };

  const machines = lane.commands.map((command) => {
    const output = new Output();
    return { output, status: run(command, output) };
  });
  const statuses = Promise.all(machines.map(({ status }) => status));
  // One after the other: what the first prints is seen at once.
  for (const { output, status } of machines) {
    output.show();
    await status;
  }
  if (machines.length > 1) {
    process.stdout.write(`${Output.sum(machines.map(({ output }) => output))}\n`);
  }
  return Math.max(...(await statuses));
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
