/**
 * `npm run test:kvm-amd [-- --npt=0] [-- COMMAND]`: the tests on a KVM of the hardware class, in software. A Debian
 * kernel with kvm_amd runs under QEMU's emulator; the host's /usr and this repository are squashfs images on its disks.
 *
 * Not shared by 9p, though that is less to make: where a process is killed in the middle of a read, Linux gives the
 * pages back that the device is yet to fill (net/9p/trans_virtio.c, p9_virtio_zc_request), and the machine's kernel died
 * of what then lay in its stacks.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { repositoryDisk, squashfs, usrDisk } from './disk-images.js';
import { toolEnvironment } from './initramfs.js';
import { runLane, type Parts } from './lane.js';
import type { Machine } from './machine.js';
import { progress } from './output.js';
import { prelude, vitest } from './tests.js';

/** The programs. Left out is what no KVM changes, and what only counts: benchmarks, and what many runs leave behind. */
const PROGRAMS = ['busybox', 'contexts', 'guests', 'host-programs', 'interrupt', 'registers'].map(
  (name) => `test/real/${name}.test.ts`,
);

/** What makes the image of each disk, and where it is mounted. */
const DISKS: Readonly<Record<string, (tools: string, image: string) => void>> = {
  usr: usrDisk,
  etc: (tools, image) => {
    squashfs(tools, '/etc', [], image);
  },
  lower: repositoryDisk,
};

const { values, positionals } = parseArgs({
  options: { npt: { type: 'string', default: '1' }, timeout: { type: 'string', default: '1800' } },
  allowPositionals: true,
});

/** QEMU's options for a disk: the first is /dev/vda, the next /dev/vdb. */
function disk([name, make]: [string, (typeof DISKS)[string]], { tools, shared }: Parts): string[] {
  const image = join(shared, `${name}.img`);
  if (!existsSync(image)) {
    progress(`making the disk for /${name}`);
    make(tools, image);
  }
  return ['-drive', `file=${image},if=virtio,format=raw,readonly=on`];
}

function start(parts: Parts): Machine {
  const { image, initramfs, tools, scratch } = parts;
  const log = join(scratch, 'qemu.log');
  const qemu = spawn(
    'qemu-system-x86_64',
    [
      ...['-L', join(tools, 'usr/share/qemu'), '-L', join(tools, 'usr/share/seabios')],
      // One thread for both processors: with one for each, this QEMU's kernels die, see docs/hosts.md. Without
      // phys-bits KVM refuses memory slots at 1 TiB.
      ...['-accel', 'tcg,thread=single', '-cpu', 'EPYC,+svm,+npt,phys-bits=48', '-machine', 'q35'],
      ...['-smp', '2', '-m', '4G', '-nodefaults', '-display', 'none', '-serial', 'stdio'],
      ...['-no-reboot', '-kernel', image, '-initrd', initramfs],
      // A triple fault of the machine's own is a reset: without a word, but for this.
      ...['-d', 'cpu_reset', '-D', log],
      ...Object.entries(DISKS).flatMap((entry) => disk(entry, parts)),
      '-append',
      `console=ttyS0,115200 ignore_loglevel oops=panic panic=-1 mitigations=off kvm-amd.npt=${values.npt}`,
    ],
    {
      env: {
        ...toolEnvironment(tools),
        QEMU_MODULE_DIR: join(tools, 'usr/lib/x86_64-linux-gnu/qemu'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  // It says of every feature of the processor that it does not have, twice, that it has it not.
  createInterface({ input: qemu.stderr }).on('line', (line) => {
    if (!line.includes("TCG doesn't support")) process.stderr.write(`${line}\n`);
  });
  return { process: qemu, console: qemu.stdout, log };
}

const checked = prelude({
  emulator: 'tcg',
  slowdown: 5,
  reduction: 50,
  module: 'kvm_amd',
  parameter: 'npt',
  value: values.npt === '0' ? 'N' : 'Y',
});
const commands =
  positionals.length > 0
    ? [positionals.join(' ')]
    : [vitest('test/contract', 'test/kvm'), vitest(...PROGRAMS)];

process.exitCode = await runLane({
  title: `kvm_amd, npt=${values.npt}`,
  emulator: 'qemu-squashfs',
  packages: ['qemu-system-x86', 'squashfs-tools'],
  modules: ['virtio_pci', 'virtio_blk', 'squashfs', 'overlay', 'kvm-amd'],
  mount: Object.keys(DISKS)
    .map((name, index) => `$box mount -t squashfs -o ro /dev/vd${'abc'.charAt(index)} /${name}\n`)
    .join(''),
  commands: commands.map((command) => checked + command),
  seconds: Number(values.timeout),
  start,
});
