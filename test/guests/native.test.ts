/** The guest programs are right about Linux: each is proved on the real one before it judges a sandbox. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { readable, run, runByExecve, runInShell } from '../real/outcome.js';
import { cacheFolder, guest } from './build.js';
import { fatal, notFound, odd, refused, writeElf } from './elf-files.js';

const status = async (command: readonly string[]): Promise<number> => (await run(command)).status;
const stdout = async (command: readonly string[]): Promise<string> =>
  (await run(command)).stdout.toString();

describe('guest programs, natively', () => {
  it('crash dies of every exception it knows', async () => {
    const names = (await stdout([guest('crash')])).trim().split('\n');
    expect(names.length).toBeGreaterThan(30);
    for (const name of names) {
      const { status, stdout, stderr } = readable(await runInShell([guest('crash'), name]));
      expect({ name, died: status > 128, stdout, silent: stderr === '' }).toEqual({
        name,
        died: true,
        stdout: '',
        silent: false,
      });
    }
  });

  it('registers finds the ABI kept', async () => {
    expect(await stdout([guest('registers'), '100000'])).toMatch(
      /^100000 system calls, .mm: kept\n$/,
    );
  });

  it('segment_base finds the bases kept', async () => {
    expect(await stdout([guest('segment_base')])).toBe('kept\n');
  });

  it('memory_model agrees with its model', async () => {
    for (const seed of ['1', '2', '3']) {
      expect(await stdout([guest('memory_model'), seed, '3000'])).toBe('as the model says\n');
    }
  });

  it.each(['memory', 'wild'] as const)('%s prints the same twice', async (name) => {
    const file = join(cacheFolder('scratch'), `native-${name}`);
    const first = await run([guest(name), file]);
    expect(first.status).toBe(0);
    expect(readable(await run([guest(name), file]))).toEqual(readable(first));
    expect(existsSync(file)).toBe(false);
  });

  it('exit_code, give_back, cpuid, compute and getpid_loop end well', async () => {
    expect(await status([guest('exit_code'), '300'])).toBe(44);
    expect(await stdout([guest('give_back'), '4'])).toMatch(/^started\n(.*\n){5}$/);
    expect(await status([guest('cpuid')])).toBe(0);
    expect(Number(await stdout([guest('compute'), '1', '1000000']))).toBeGreaterThan(0);
    expect((await stdout([guest('getpid_loop'), '3', '10'])).split('\n')).toHaveLength(4);
  });
});

describe('ELF files, natively', () => {
  const folder = cacheFolder('elf-native');

  const statusOf = async (name: string, contents: Buffer): Promise<number> =>
    (await runByExecve(writeElf(folder, name, contents))).status;

  it.each(Object.entries(odd))('%s runs', async (name, contents) => {
    expect(await statusOf(name, contents)).toBe(7);
  });

  it.each(Object.entries({ ...refused, ...notFound }))('%s is refused', async (name, contents) => {
    expect(await statusOf(name, contents)).toBe(126);
  });

  it.each(Object.entries(fatal))('%s does not end well', async (name, contents) => {
    expect(await statusOf(name, contents)).not.toBe(0);
  });
});
