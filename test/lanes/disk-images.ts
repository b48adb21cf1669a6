/** Disks of a machine that has no share with the host: squashfs images, and an ISO image to boot from. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { toolEnvironment } from './initramfs.js';
import { ROOT } from './lane.js';

/** Sectors come by 16 heads of 63, and a disk is of whole cylinders. */
const CYLINDER = 16 * 63 * 512;

/** Files of `folder` but `excluded`, paths relative to it, as a disk. */
export function squashfs(
  tools: string,
  folder: string,
  excluded: readonly string[],
  target: string,
): void {
  const exclusion = excluded.length > 0 ? ['-e', ...excluded] : [];
  const options = ['-comp', 'lz4', '-noappend', '-no-progress', '-quiet', '-all-root'];
  execFileSync('mksquashfs', [folder, target, ...options, ...exclusion], {
    env: toolEnvironment(tools),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  truncateSync(target, Math.ceil(statSync(target).size / CYLINDER) * CYLINDER);
}

/** Of the repository: what takes room and no test needs. */
const LEFT_OUT = [
  ...['.git', '.cache/lanes', '.cache/files', '.cache/scratch', '.cache/bench'],
  ...['typescript', 'prettier', 'eslint', 'clang-format-node', 'node-gyp', 'typescript-eslint'].map(
    (name) => `node_modules/${name}`,
  ),
];

export function repositoryDisk(tools: string, target: string): void {
  squashfs(tools, ROOT, LEFT_OUT, target);
}

/** Of /usr: where programs of Debian's base system, Node.js, Python, Perl and the C compiler have what they need. */
const USR = [
  /^(bin|sbin|include|lib|lib32|lib64|share|local)$/,
  /^lib\/(x86_64-linux-gnu|gcc|locale|os-release|python3.*|terminfo)$/,
  /^include\/(?!node$)/,
  /^share\/(doc|misc|perl.*|terminfo|zoneinfo)$/,
  /^local\/(bin|lib|sbin)$/,
];

/** The host's /usr, but for what only takes room. */
export function usrDisk(tools: string, target: string): void {
  const entries = ['', 'include', 'lib', 'share', 'local'].flatMap((folder) =>
    readdirSync(join('/usr', folder)).map((name) => join(folder, name)),
  );
  const excluded = entries.filter((entry) => !USR.some((pattern) => pattern.test(entry)));
  squashfs(tools, '/usr', excluded, target);
}

/** Copies programs, and the libraries that they and `addons` load, to where they are found below `root`. */
export function copyPrograms(
  programs: readonly string[],
  addons: readonly string[],
  root: string,
): void {
  const libraries = [...programs, ...addons].flatMap((program) => [
    ...execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g),
  ]);
  for (const file of new Set([...programs, ...libraries.map(([, path]) => path ?? '')])) {
    // The name stays, whatever it is a link to; folders as they are: /lib is /usr/lib.
    const folder = join(root, realpathSync(dirname(file)));
    mkdirSync(folder, { recursive: true });
    copyFileSync(file, join(folder, basename(file)));
  }
}

/** An ISO image that boots `image` with `parameters`. */
export function bootableIso(
  tools: string,
  parts: { readonly image: string; readonly initramfs: string; readonly scratch: string },
  parameters: string,
  target: string,
): void {
  const folder = join(parts.scratch, 'iso');
  mkdirSync(folder);
  copyFileSync(parts.image, join(folder, 'linux'));
  copyFileSync(parts.initramfs, join(folder, 'initrd'));
  copyFileSync(join(tools, 'usr/lib/ISOLINUX/isolinux.bin'), join(folder, 'isolinux.bin'));
  const module = 'usr/lib/syslinux/modules/bios/ldlinux.c32';
  copyFileSync(join(tools, module), join(folder, 'ldlinux.c32'));
  const menu = ['default lane', 'prompt 0', 'label lane', 'kernel linux', 'initrd initrd'];
  writeFileSync(join(folder, 'isolinux.cfg'), [...menu, `append ${parameters}`, ''].join('\n'));
  const boot = ['-b', 'isolinux.bin', '-c', 'boot.cat', '-no-emul-boot'];
  execFileSync(
    'xorriso',
    [
      '-as',
      'mkisofs',
      '-quiet',
      '-o',
      target,
      ...boot,
      '-boot-load-size',
      '4',
      '-boot-info-table',
      folder,
    ],
    { env: toolEnvironment(tools), stdio: ['ignore', 'ignore', 'inherit'] },
  );
}
