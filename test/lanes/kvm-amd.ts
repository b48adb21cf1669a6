/**
 * `npm run test:kvm-amd [-- --npt=0] [-- COMMAND]`: the tests on a KVM of the hardware class, in software. A Debian
 * kernel with kvm_amd runs under QEMU's emulator, with the host's /usr and this repository mounted.
 */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { cacheFolder } from '../guests/build.js';
import { DebianCache } from './debian.js';
import { buildInitramfs, toolEnvironment } from './initramfs.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
const TOOLS = ['qemu-system-x86', 'cpio', 'kmod', 'xz-utils', 'busybox-static'];
const MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'kvm-amd'];

/** The machine must be what it says: nested paging or not, and of the hardware class. */
const check = (nested: boolean): string => `
npt=$(cat /sys/module/kvm_amd/parameters/npt)
echo "lane: kvm_amd, npt=$npt"
[ "$npt" = ${nested ? 'Y' : 'N'} ] || { echo 'lane: kvm_amd did not take npt'; exit 1; }
node dist/cli/main.js doctor --json | grep '"class": "hardware"' || { echo 'lane: not the hardware class'; exit 1; }
`;
/** The platform's suites whole; of the programs, those that try the processor's state. */
const VITEST = 'node node_modules/vitest/vitest.mjs run --testTimeout=300000';
const TESTS = `${VITEST} test/contract test/kvm test/memory &&
${VITEST} test/real/guests.test.ts -t 'exit code|FS and GS|memory calls|registers, as|harms nobody'`;

const { values, positionals } = parseArgs({
  options: { npt: { type: 'string', default: '1' }, timeout: { type: 'string', default: '1200' } },
  allowPositionals: true,
});

const progress = (step: string): void => {
  process.stdout.write(`lane: ${step}\n`);
};

const cache = new DebianCache(cacheFolder('lanes'));

function kernelFolder(): string {
  const existing = readdirSync(cache.folder).find((name) => name.startsWith('linux-image-'));
  const name = existing ?? cache.newest('^linux-image-6[.0-9]+[+]deb12-amd64$');
  return cache.unpack(name, [name], progress);
}

function qemuArguments(kernel: string, tools: string, initramfs: string): string[] {
  const image = readdirSync(join(kernel, 'boot')).find((name) => name.startsWith('vmlinuz'));
  if (image === undefined) throw new Error('the kernel package has no image');
  const share = (id: string, path: string, readOnly: boolean): string[] => [
    '-fsdev',
    `local,id=${id},path=${path},security_model=none,multidevs=remap${readOnly ? ',readonly=on' : ''}`,
    '-device',
    `virtio-9p-pci,fsdev=${id},mount_tag=${id}`,
  ];
  return [
    ...['-L', join(tools, 'usr/share/qemu'), '-L', join(tools, 'usr/share/seabios')],
    ...['-accel', 'tcg,thread=multi', '-cpu', 'EPYC,+svm,+npt,phys-bits=48', '-machine', 'q35'],
    ...[
      '-smp',
      '2',
      '-m',
      '4G',
      '-nodefaults',
      '-display',
      'none',
      '-serial',
      'stdio',
      '-no-reboot',
    ],
    ...['-kernel', join(kernel, 'boot', image), '-initrd', initramfs],
    ...share('usr', '/usr', true),
    ...share('repository', ROOT, false),
    '-append',
    `console=ttyS0 quiet panic=-1 mitigations=off kvm-amd.npt=${values.npt}`,
  ];
}

/** Boots, passes on what the machine prints, and gives the status that its last line names. */
async function boot(kernel: string, tools: string, initramfs: string): Promise<number> {
  const machine = spawn('qemu-system-x86_64', qemuArguments(kernel, tools, initramfs), {
    env: toolEnvironment(tools),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const late = setTimeout(() => machine.kill('SIGKILL'), Number(values.timeout) * 1000);
  let status: number | undefined;
  for await (const line of createInterface({ input: machine.stdout })) {
    const said = /lane: status (\d+)/.exec(line);
    if (said) status = Number(said[1]);
    else process.stdout.write(`${line}\n`);
  }
  clearTimeout(late);
  if (status === undefined) progress('the machine ended without a word on the tests');
  return status ?? 1;
}

const tools = cache.unpack('tools', TOOLS, progress);
const kernel = kernelFolder();
const initramfs = join(cache.folder, `kvm-amd-${process.pid}.cpio.gz`);
const command = positionals.length > 0 ? positionals.join(' ') : TESTS;
buildInitramfs(
  {
    kernel,
    tools,
    modules: MODULES,
    init: readFileSync(join(HERE, 'guest-init.sh'), 'utf8'),
    files: {
      command: `export CI=true RINGFENCE_EMULATOR=tcg\n${check(values.npt !== '0')}${command}\n`,
    },
  },
  initramfs,
);
progress(`booting ${kernel.slice(kernel.lastIndexOf('/') + 1)} with kvm_amd, npt=${values.npt}`);
process.exitCode = await boot(kernel, tools, initramfs);
