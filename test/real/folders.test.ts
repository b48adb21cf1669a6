/** Folders and files of the host that are bound: programs find there what they would find outside. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

import { cacheFolder, guest } from '../guests/build.js';
import { readable, run, runGuest } from './outcome.js';
import { describePlatforms } from './platforms.js';
import { expectSame } from './same.js';

const program = (name: string): string =>
  fileURLToPath(new URL(`../guests/${name}`, import.meta.url));

/** Mounts a file on another in a namespace of its own, and runs a program there. */
const MOUNT = 'mount --bind "$0" "$1" && shift && exec "$@"';
const ownMounts = ['unshare', '--map-root-user', '--mount', 'sh', '-c', MOUNT];
const canMount = (await run(['unshare', '--map-root-user', '--mount', 'true'])).status === 0;

async function inFolder<T>(act: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(cacheFolder('folders'), 'bound-'));
  try {
    return await act(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describePlatforms('bound folders', () => {
  it('attributes, files without names, sockets, FIFOs and holes', async () => {
    // On a disk on both sides, where they have the same.
    await inFolder(async (folder) => {
      const command = ['/usr/bin/python3', program('folder.py'), folder];
      const native = await run(command);
      expect(native.status).toBe(0);
      expectSame(await runGuest(command, { run: ['--bind', `${folder}:${folder}`] }), native);
    });
  });

  // Linux 6.11 and 6.12 let programs be written while they run.
  it.skipIf(/^6\.1[12]\./.test(release()))('a program that runs is not written', async () => {
    await inFolder(async (folder) => {
      for (const place of ['/dev/shm', '/tmp', folder]) {
        const command = [guest('busy_text'), place];
        const native = await run(command);
        expect(readable(native)).toMatchObject({ status: 0, stderr: '' });
        expectSame(await runGuest(command, { run: ['--bind', `${folder}:${folder}`] }), native);
      }
    });
  });

  it.skipIf(!canMount)('one file alone, on another', async () => {
    await inFolder(async (folder) => {
      const [source, native, guest] = ['source', 'native', 'guest'].map((name) =>
        join(folder, name),
      );
      if (source === undefined || native === undefined || guest === undefined) throw new Error();
      const outcomes = [];
      for (const place of [native, guest]) {
        writeFileSync(source, 'text\n');
        writeFileSync(place, 'covered\n');
        const command = ['sh', program('bound_file.sh'), place];
        const bound = ['--bind', `${source}:${place}`];
        outcomes.push(
          place === native
            ? await run([...ownMounts, source, place, ...command])
            : await runGuest(command, { run: bound }),
        );
        expect(readFileSync(source, 'latin1')).toBe('ne');
        expect(readFileSync(place, 'latin1')).toBe('covered\n');
      }
      const [outside, inside] = outcomes;
      if (outside === undefined || inside === undefined) throw new Error('nothing ran');
      expect(outside.status).toBe(0);
      expectSame(inside, outside);
    });
  });

  it('one file at a place that is not there, read-only', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'file');
      writeFileSync(file, 'text\n');
      const bound = ['--bind', `${file}:/new/place/name:ro`];
      const command = 'cat /new/place/name; echo x >/new/place/name; ls /new/place';
      const outcome = await runGuest(['sh', '-c', command], { run: bound });
      expect(outcome.stdout.toString()).toBe('text\nname\n');
      expect(outcome.stderr.toString()).toContain('Read-only file system');
      expect(readFileSync(file, 'latin1')).toBe('text\n');
    });
  });
});
