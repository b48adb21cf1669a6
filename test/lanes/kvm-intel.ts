/**
 * `npm run test:kvm-intel [-- COMMAND]`: the tests on kvm_intel with EPT, in software. A Debian kernel runs under
 * Bochs; Node, what it needs, and this repository are squashfs images on its disks.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { bootableIso, copyPrograms, repositoryDisk, squashfs } from './disk-images.js';
import { toolEnvironment } from './initramfs.js';
import { ROOT, runLane, type Parts } from './lane.js';
import type { Machine } from './machine.js';
import { progress } from './output.js';
import { prelude, vitest } from './tests.js';

const PACKAGES = ['bochs', 'bochs-term', 'bochsbios', 'vgabios'];
const IMAGE_PACKAGES = ['xorriso', 'isolinux', 'syslinux-common', 'squashfs-tools'];
const MODULES = ['ata_piix', 'sd_mod', 'squashfs', 'overlay', 'kvm-intel'];
/** Node, and what assembles the guests of the tests. */
const PROGRAMS = ['gcc', 'as', 'objcopy', 'sh', 'cat', 'grep'];
const PARAMETERS =
  'console=ttyS0,115200 quiet oops=panic panic=-1 mitigations=off nokaslr tsc=reliable clearcpuid=aperfmperf';

/** Suites of the contract that need two processors, or would take half an hour by themselves. */
const NO_TIME_FOR = ['parallel', 'interrupt-threads', 'two-platforms'].map(
  (name) => `test/contract/${name}.test.ts`,
);
/** One process for all: with each more, Node.js would take half a minute to start. */
const ONE_PROCESS = ['--no-isolate', '--no-file-parallelism'];
const SUITES = ['contract', 'kvm/segments', 'kvm/doorway', 'kvm/interrupt-on-return'];
const TESTS = `echo 'lane: left out: ${NO_TIME_FOR.join(', ')}'
${vitest(...ONE_PROCESS, ...SUITES.map((name) => `test/${name}`), ...NO_TIME_FOR.map((name) => `--exclude=${name}`))}tests=$?
echo 'lane: left out: ${NO_TIME_FOR.join(', ')}'
(exit $tests)
`;

const { values, positionals } = parseArgs({
  options: { timeout: { type: 'string', default: '2400' } },
  allowPositionals: true,
});

function makeDisks({ scratch, tools }: Parts): void {
  progress('making the disks');
  const root = join(scratch, 'root');
  const which = (name: string): string =>
    execFileSync('which', [name], { encoding: 'utf8' }).trim();
  const addons = ['build/Release', 'node_modules'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.node'))
      .map((file) => join(ROOT, folder, file)),
  );
  copyPrograms([process.execPath, ...PROGRAMS.map(which)], addons, root);
  squashfs(tools, join(root, 'usr'), [], join(scratch, 'usr.img'));
  repositoryDisk(tools, join(scratch, 'repository.img'));
}

/** All paths that Bochs is told are relative to its folder: it has a buffer for them that others do not fit. */
const CONFIGURATION = `
config_interface: textconfig
display_library: term
memory: guest=2048, host=2048
cpu: model=corei7_haswell_4770, count=1, ips=100000000, reset_on_triple_fault=0
clock: sync=none
pci: enabled=1, chipset=i440fx
romimage: file=tools/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=tools/usr/share/vgabios/vgabios.bin
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
ata0-master: type=disk, path=usr.img, mode=flat
ata0-slave: type=disk, path=repository.img, mode=flat
ata1-master: type=cdrom, path=boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=serial
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
`;

/** Its screen is a terminal that it makes, too, and whose buffer fills up where nobody reads: Bochs then waits. */
function drainScreen(line: string): void {
  const terminal = /connected to screen "(.*)"/.exec(line)?.[1];
  if (terminal !== undefined) spawn('cat', [terminal], { stdio: 'ignore' });
}

function start(parts: Parts): Machine {
  const { scratch, tools } = parts;
  makeDisks(parts);
  bootableIso(tools, parts, PARAMETERS, join(scratch, 'boot.iso'));
  writeFileSync(join(scratch, 'bochsrc'), CONFIGURATION);
  symlinkSync(tools, join(scratch, 'tools'));
  writeFileSync(join(scratch, 'commands'), 'c\n');
  execFileSync('mkfifo', [join(scratch, 'serial')]);
  const machine = spawn('bochs-bin', ['-q', '-f', 'bochsrc', '-rc', 'commands'], {
    cwd: scratch,
    env: {
      ...toolEnvironment(tools),
      TERM: 'xterm',
      LTDL_LIBRARY_PATH: 'tools/usr/lib/x86_64-linux-gnu/bochs/plugins',
      BXSHARE: 'tools/usr/share/bochs',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  createInterface({ input: machine.stderr }).on('line', drainScreen);
  // A process of its own, which can be ended: if Bochs dies before it opens the FIFO, whoever reads waits for good.
  const reader = spawn('cat', [join(scratch, 'serial')], { stdio: ['ignore', 'pipe', 'inherit'] });
  machine.once('exit', () => setTimeout(() => reader.kill(), 1000));
  return {
    process: machine,
    console: reader.stdout,
    log: join(scratch, 'bochs.log'),
  };
}

const checked = prelude({
  emulator: 'bochs',
  slowdown: 20,
  reduction: 200,
  module: 'kvm_intel',
  parameter: 'ept',
  value: 'Y',
});

process.exitCode = await runLane({
  title: 'kvm_intel, EPT',
  emulator: 'bochs',
  packages: [...PACKAGES, ...IMAGE_PACKAGES],
  modules: MODULES,
  mount: `$box mount -t squashfs -o ro /dev/sda /usr
$box mount -t squashfs -o ro /dev/sdb /lower
echo 'root:x:0:0:root:/root:/bin/sh' > /etc/passwd
echo 'root:x:0:' > /etc/group
echo '127.0.0.1 localhost' > /etc/hosts
`,
  commands: [checked + (positionals.length > 0 ? positionals.join(' ') : TESTS)],
  seconds: Number(values.timeout),
  start,
});
