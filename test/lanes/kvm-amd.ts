/**
 * `npm run test:kvm-amd [-- --npt=0] [-- COMMAND]`: the tests on a KVM of the hardware class, in software. A Debian
 * kernel with kvm_amd runs under QEMU's emulator, with the host's /usr and this repository shared by 9p.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { toolEnvironment } from './initramfs.js';
import { ROOT, runLane, type Machine, type Parts } from './lane.js';
import { prelude, vitest } from './tests.js';

/** The programs. Left out is what no KVM changes, and what only counts: benchmarks, and what many runs leave behind. */
const PROGRAMS = ['busybox', 'contexts', 'guests', 'host-programs', 'interrupt', 'registers'].map(
  (name) => `test/real/${name}.test.ts`,
);

/** They are only read, so the machine may keep what it has read. */
const MOUNT_OPTIONS = 'ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose';
const SHARES = { usr: '/usr', etc: '/etc', lower: ROOT } as const;

const { values, positionals } = parseArgs({
  options: { npt: { type: 'string', default: '1' }, timeout: { type: 'string', default: '1200' } },
  allowPositionals: true,
});

function share([tag, path]: readonly [string, string]): string[] {
  const options = 'security_model=none,multidevs=remap,readonly=on';
  return [
    ...['-fsdev', `local,id=${tag},path=${path},${options}`],
    ...['-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
  ];
}

function start({ image, initramfs, tools, scratch }: Parts): Machine {
  const log = join(scratch, 'qemu.log');
  const qemu = spawn(
    'qemu-system-x86_64',
    [
      ...['-L', join(tools, 'usr/share/qemu'), '-L', join(tools, 'usr/share/seabios')],
      // Without phys-bits KVM refuses memory slots at 1 TiB.
      ...['-accel', 'tcg,thread=multi', '-cpu', 'EPYC,+svm,+npt,phys-bits=48', '-machine', 'q35'],
      ...['-smp', '2', '-m', '4G', '-nodefaults', '-display', 'none', '-serial', 'stdio'],
      ...['-no-reboot', '-kernel', image, '-initrd', initramfs],
      // A triple fault of the machine's own is a reset: without a word, but for this.
      ...['-d', 'cpu_reset', '-D', log],
      ...Object.entries(SHARES).flatMap(share),
      '-append',
      `console=ttyS0,115200 maxcpus=1 ignore_loglevel oops=panic panic=-1 mitigations=off kvm-amd.npt=${values.npt}`,
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

const nested = values.npt !== '0';
const command =
  positionals.length > 0 ? positionals.join(' ') : vitest('test/contract', 'test/kvm', ...PROGRAMS);

process.exitCode = await runLane({
  title: `kvm_amd, npt=${values.npt}`,
  emulator: 'qemu',
  packages: ['qemu-system-x86'],
  modules: ['virtio_pci', '9pnet_virtio', '9p', 'overlay', 'kvm-amd'],
  mount: Object.keys(SHARES)
    .map((tag) => `$box mount -t 9p -o ${MOUNT_OPTIONS} ${tag} /${tag}\n`)
    .join(''),
  command:
    prelude({
      emulator: 'tcg',
      slowdown: 5,
      reduction: 50,
      module: 'kvm_amd',
      parameter: 'npt',
      value: nested ? 'Y' : 'N',
    }) + command,
  seconds: Number(values.timeout),
  start,
});
