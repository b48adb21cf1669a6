/** The first file system of a lane's machine: busybox, the modules in their order, and what to run. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface InitramfsParts {
  /** Where the kernel package and the tools have been unpacked. */
  readonly kernel: string;
  readonly tools: string;
  readonly modules: readonly string[];
  /** The script that is process 1. */
  readonly init: string;
  /** Other files: path in the machine, contents. */
  readonly files: Readonly<Record<string, string>>;
}

/** Environment in which programs of an unpacked folder find their libraries. */
export function toolEnvironment(tools: string): NodeJS.ProcessEnv {
  const path = ['usr/sbin', 'sbin', 'usr/bin', 'bin'].map((name) => join(tools, name)).join(':');
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'];
  return {
    ...process.env,
    PATH: `${path}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
    LD_LIBRARY_PATH: libraries.map((name) => join(tools, name)).join(':'),
  };
}

/** Files of the modules and of what they depend on, in the order to load them. */
function moduleFiles({ kernel, tools, modules }: InitramfsParts): string[] {
  const env = toolEnvironment(tools);
  // One program with many names, which the package links by absolute paths.
  const kmod = (name: string, ...args: string[]): string => {
    const { stdout, status } = spawnSync(join(tools, 'bin/kmod'), args, {
      argv0: name,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) throw new Error(`${name} failed`);
    return stdout;
  };
  const [version] = readdirSync(join(kernel, 'lib/modules'));
  if (version === undefined) throw new Error('the kernel package has no modules');
  kmod('depmod', '-b', kernel, version);
  const files = new Set<string>();
  for (const name of modules) {
    const output = kmod('modprobe', '-d', kernel, '-S', version, '--show-depends', name);
    for (const [, file] of output.matchAll(/^insmod (\S+)/gm))
      if (file !== undefined) files.add(file);
  }
  return [...files];
}

/** Writes the archive to `target`. */
export function buildInitramfs(parts: InitramfsParts, target: string): void {
  const folder = `${target}.d`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'modules'), { recursive: true });
  copyFileSync(join(parts.tools, 'bin/busybox'), join(folder, 'busybox'));
  const order = moduleFiles(parts).map((file) => {
    const plain = basename(file).replace(/\.xz$/, '');
    const contents = execFileSync('xz', ['-dc', file], { maxBuffer: 1 << 28 });
    writeFileSync(join(folder, 'modules', plain), contents);
    return plain;
  });
  writeFileSync(join(folder, 'modules/order'), order.join('\n'));
  writeFileSync(join(folder, 'init'), parts.init);
  chmodSync(join(folder, 'init'), 0o755);
  for (const [path, contents] of Object.entries(parts.files))
    writeFileSync(join(folder, path), contents);
  const archive = spawnSync(
    'sh',
    ['-c', `find . | cpio -o -H newc --quiet | gzip -1 > '${target}'`],
    {
      cwd: folder,
      env: toolEnvironment(parts.tools),
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  if (archive.status !== 0) throw new Error('cpio could not write the initramfs');
  rmSync(folder, { recursive: true });
}
