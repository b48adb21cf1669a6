/** No path of a program, nor of its interpreter, leads out of the root or the binds. */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { Sandbox } from '../../src/index.js';
import { cacheFolder, guest } from '../guests/build.js';
import { describePlatforms } from './platforms.js';

const folder = mkdtempSync(join(cacheFolder('scratch'), 'escape-'));
const outside = join(folder, 'outside');
const root = join(folder, 'root');
const bound = join(folder, 'bound');

beforeAll(() => {
  for (const made of [outside, join(root, 'bound'), join(root, 'bin'), bound]) {
    mkdirSync(made, { recursive: true });
  }
  for (const place of [outside, join(root, 'bin')]) {
    copyFileSync(guest('exit_code'), join(place, 'program'));
  }
  for (const place of [root, bound]) {
    symlinkSync(outside, join(place, 'absolute'));
    symlinkSync('../outside', join(place, 'relative'));
    symlinkSync(join(outside, 'program'), join(place, 'last'));
    writeFileSync(join(place, 'script'), `#!${place === root ? '' : '/bound'}/relative/program\n`);
    chmodSync(join(place, 'script'), 0o755);
  }
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describePlatforms('a program outside of the root', (platform) => {
  it('is not started, whatever leads to it', async () => {
    await using sandbox = await Sandbox.create({
      platform,
      rootfs: root,
      binds: [{ host: bound, guest: '/bound' }],
    });
    const inside = await sandbox.start('/bin/program', ['7']);
    expect(await inside.ended).toMatchObject({ exitCode: 7 });
    const beneath = ['absolute/program', 'relative/program', 'last', 'script'];
    const paths = [
      ...beneath.flatMap((name) => [`/${name}`, `/bound/${name}`, `/proc/self/root/${name}`]),
      ...['/bound/../../outside/program', '/proc/self/root/../outside/program'],
      ...[join(outside, 'program'), `/proc/self/cwd/../outside/program`],
    ];
    for (const path of paths) {
      await expect(sandbox.start(path, ['7']), path).rejects.toMatchObject({ code: 'ENOENT' });
    }
  });
});
