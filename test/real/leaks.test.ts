import { mkdtempSync, readFileSync, readdirSync, statSync, type Stats } from 'node:fs';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { cacheFolder, guest } from '../guests/build.js';
import { patience, workload } from '../patience.js';
import { ENVIRONMENT, ringfence, run } from './outcome.js';
import { describePlatforms } from './platforms.js';

const MIB = 1 << 20;

/** Processes whose environment holds `marker`. */
function processesWith(marker: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(marker);
    } catch {
      return false; // gone meanwhile, or another user's
    }
  });
}

describePlatforms('many runs', (platform) => {
  const runs = workload(platform === 'kvm' ? 100 : 25);

  it(
    'leave no process and no file behind',
    async () => {
      const temporary = mkdtempSync(join(cacheFolder('scratch'), 'leaks-'));
      const marker = `LEAK_TEST=${process.pid}`;
      const command = [
        'env',
        marker,
        `TMPDIR=${temporary}`,
        ...ringfence([guest('exit_code'), '0']),
      ];
      await run(command);
      const shared = readdirSync('/dev/shm');
      for (let i = 0; i < runs; i++) expect((await run(command)).status).toBe(0);
      // Memory files and mappings live as long as a process that has them.
      expect(processesWith(marker)).toEqual([]);
      expect(readdirSync(temporary)).toEqual([]);
      expect(readdirSync('/dev/shm').filter((name) => !shared.includes(name))).toEqual([]);
    },
    patience(300_000),
  );
});

/** Bytes that the memory files of a process take on the host: what fstat(2) says of the blocks behind them. */
function memoryFiles(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  const files = new Map<number, Stats>();
  for (const name of readdirSync(folder)) {
    const stats = statSync(join(folder, name), { throwIfNoEntry: false });
    if (stats?.isFile() === true && stats.nlink === 0) files.set(stats.ino, stats);
  }
  return [...files.values()].reduce((sum, stats) => sum + stats.blocks * 512, 0);
}

/** The stages of give_back.c: at each it waits until told to go on. */
async function stages(child: ChildProcessWithoutNullStreams): Promise<Map<string, number>> {
  const usage = new Map<string, number>();
  for await (const line of createInterface({ input: child.stdout })) {
    // Giving back may be done a moment later, once a batch is full.
    await new Promise((resolve) => setTimeout(resolve, 200));
    usage.set(line, memoryFiles(child.pid ?? 0));
    child.stdin.write('.');
  }
  return usage;
}

describePlatforms('64 MiB of guest memory, written and freed', () => {
  it('go back to the host', async () => {
    const [program = '', ...args] = ringfence([guest('give_back'), '64']);
    const child = spawn(program, args, { env: ENVIRONMENT });
    const closed = once(child, 'close');
    child.stderr.pipe(process.stderr);
    const usage = await stages(child);
    await closed;
    const started = usage.get('started') ?? 0;
    expect(usage.get('written')).toBeGreaterThan(started + 63 * MIB);
    const freed = ['unmapped', 'discarded', 'broken', 'unmapped page by page'];
    const kept = freed.filter((stage) => (usage.get(stage) ?? Infinity) > started + 4 * MIB);
    expect(kept).toEqual([]);
  });
});
