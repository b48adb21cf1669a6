/** Guests that take all they can get: the host stays responsive, and gets everything back. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { Sandbox } from '../../src/index.js';
import { guest } from '../guests/build.js';
import { run } from '../real/outcome.js';
import { describePlatforms, type PlatformName } from '../real/platforms.js';
import { patience } from '../patience.js';

const MIB = 1 << 20;
const MEMORY = 192 * MIB;
/** What the host process may grow by while a bomb goes off: its share of the memory, and room for rubbish. */
const MOST = MEMORY / 4 + 320 * MIB;
/** Turns of the event loop, a millisecond apart at best, that a bomb is watched for. */
const TURNS = 300;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const kinds = (await run([guest('bombs')])).stdout.toString().trim().split('\n');

/** Lets it go off, and ends it in the middle; gives the most that the process was larger meanwhile. */
async function setOff(kind: string, platform: PlatformName): Promise<number> {
  const before = process.memoryUsage.rss();
  const sandbox = await Sandbox.create({ memory: MEMORY, platform });
  let peak = before;
  try {
    const bomb = await sandbox.start(guest('bombs'), [kind]);
    bomb.ended.catch(() => undefined);
    for (let turn = 0; turn < TURNS; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      peak = Math.max(peak, process.memoryUsage.rss());
    }
  } finally {
    await sandbox.dispose();
  }
  return peak - before;
}

/** Twice, a turn apart: the memory of a buffer that nobody has is freed in the turn behind its collection. */
async function heldByHost(): Promise<number> {
  collectGarbage();
  await new Promise(setImmediate);
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describePlatforms('a bomb of a guest', (platform) => {
  it.each(kinds)(
    '%s: goes off inside',
    async (kind) => {
      expect(await setOff(kind, platform)).toBeLessThan(MOST);
      const once = await heldByHost();
      expect(await setOff(kind, platform)).toBeLessThan(MOST);
      expect((await heldByHost()) - once).toBeLessThan(8 * MIB);
    },
    patience(60_000),
  );
});
