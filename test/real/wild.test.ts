import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { cacheFolder, guest } from '../guests/build.js';
import {
  ENVIRONMENT,
  outcomeOf,
  readable,
  ringfence,
  run,
  runGuest,
  type Outcome,
} from './outcome.js';
import { describePlatforms } from './platforms.js';

const ENOSYS = '-38';
/** Of the calls that wild.c makes. */
const STILL_TO_COME = new Set(['eventfd2', 'epoll_create1', 'epoll_ctl', 'epoll_wait']);

/** Where Ringfence differs from the kernel that runs the tests, and why that may be. */
const known: readonly { readonly calls: RegExp; readonly reason: string }[] = [
  {
    calls: /^(p?poll|select|pselect6) argument [12]/,
    reason: "the limits to the number of descriptors are not the host process's",
  },
  {
    calls: /^(p?poll) argument 1/,
    reason: 'an address that nothing is read from is not looked at',
  },
  {
    calls: /^(sendfile|copy_file_range)/,
    reason: 'several arguments are wrong at once: which is noticed first is no promise',
  },
  {
    calls: /^(rename|renameat|renameat2|link|linkat) argument [24]/,
    reason: 'both paths are wrong: which is noticed first is no promise',
  },
  { calls: /^(wait4|waitid) argument/, reason: 'nothing has children yet, whatever is asked' },
  { calls: /^flock argument 2/, reason: 'LOCK_MAND, which newer kernels ignore' },
  { calls: /^ioctl argument 2: 2\^53 \+ 1/, reason: 'FIBMAP: in-memory files have no blocks' },
  { calls: /^getdents64 argument 3/, reason: 'newer kernels refuse counts beyond INT_MAX' },
  { calls: /^pread64 argument 4: 2\^63 - 1/, reason: 'offsets beyond 2^53 are rounded' },
  { calls: /^(madvise|msync) argument 2: -1/, reason: 'lengths beyond 2^53 are rounded' },
  { calls: /^sched_getaffinity argument 2/, reason: 'the size is not cut to 32 bits' },
  { calls: /^capget argument 1: edge/, reason: 'half of the header can be read' },
  {
    calls: /^sigaltstack argument 1: read-only/,
    reason: 'a stack of no size, equal to the one there',
  },
  { calls: /^futex argument 1/, reason: 'addresses that no wait can be on' },
];

interface Line {
  /** The call, and the argument that was wild. */
  readonly what: string;
  readonly result: string;
}

function parse(output: Buffer): Line[] {
  return output
    .toString('latin1')
    .trim()
    .split('\n')
    .map((line) => {
      const at = line.lastIndexOf(' = ');
      return { what: line.slice(0, at), result: line.slice(at + 3) };
    });
}

/** 20,000 calls; a guest that waits for what never comes is ended, which it cannot prevent. */
async function storm(seed: string): Promise<Outcome> {
  const command = [guest('wild'), 'storm', seed, '20000'];
  const [program = '', ...args] = ringfence(command, ['--env', 'SANDBOX=yes']);
  const child = spawn(program, args, { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGTERM'), 5_000);
  const outcome = await outcomeOf(child);
  clearTimeout(timer);
  return outcome;
}

describePlatforms('wild arguments', (platform) => {
  const seeds = ['1', '2', '3', '4', '5', '6', '7', '8'].slice(0, platform === 'kvm' ? 8 : 3);

  it('give what Linux gives', async () => {
    const command = [guest('wild'), join(cacheFolder('scratch'), 'wild')];
    const native = parse((await run(command)).stdout);
    const outcome = await runGuest(command);
    expect(outcome.status).toBe(0);
    const found = parse(outcome.stdout);
    expect(found.map(({ what }) => what)).toEqual(native.map(({ what }) => what));
    const differences = native
      .map((line, i) => ({ ...line, guest: found[i]?.result ?? '' }))
      .filter(({ result, guest }) => guest !== result && guest !== ENOSYS)
      .map(({ what, result, guest }) => `${what}: ${result} natively, ${guest} in the sandbox`);
    expect(differences.filter((text) => !known.some(({ calls }) => calls.test(text)))).toEqual([]);
    const missing = found.filter(
      (line, i) => line.result === ENOSYS && native[i]?.result !== ENOSYS,
    );
    const names = new Set(missing.map(({ what }) => what.split(' ')[0] ?? ''));
    expect([...names].filter((name) => !STILL_TO_COME.has(name))).toEqual([]);
  });

  it.each(seeds)('a storm of them, seed %s', async (seed) => {
    const outcome = readable(await storm(seed));
    // The guest may come to any end of a program's; Ringfence to none of its own.
    expect([125, 126, 127]).not.toContain(outcome.status);
    expect(outcome.stderr).not.toMatch(/^ +at |ringfence:|Error/m);
  });
});
