import { join } from 'node:path';
import { expect, it } from 'vitest';

import { cacheFolder, guest } from '../guests/build.js';
import { describeKvm } from '../kvm.js';
import { readable, run, runGuest } from './outcome.js';

const ENOSYS = '-38';

/**
 * Where Ringfence may differ from the kernel that runs the tests, and why. A pattern that no difference matches any
 * more fails the test: the list only shrinks.
 */
const known: readonly { readonly pattern: RegExp; readonly reason: string }[] = [];

interface Line {
  /** The call, and the argument that was wild. */
  readonly what: string;
  readonly result: string;
}

function parse(text: string): Line[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const at = line.lastIndexOf(' = ');
      return { what: line.slice(0, at), result: line.slice(at + 3) };
    });
}

describeKvm('wild arguments', () => {
  it('give what Linux gives', async () => {
    const command = [guest('wild'), join(cacheFolder('scratch'), 'wild')];
    const native = parse(readable(await run(command)).stdout);
    const outcome = await runGuest(command);
    const found = parse(outcome.stdout.toString('latin1'));
    const differences = native
      .map((line, i) => ({ ...line, guest: found[i]?.result ?? 'no line' }))
      .filter(({ result, guest }) => guest !== result && guest !== ENOSYS)
      .map(({ what, result, guest }) => `${what}: ${result} natively, ${guest} in the sandbox`);
    const isKnown = (text: string): boolean => known.some(({ pattern }) => pattern.test(text));
    expect(differences.filter((text) => !isKnown(text))).toEqual([]);
    expect(known.filter(({ pattern }) => !differences.some((text) => pattern.test(text)))).toEqual(
      [],
    );
    expect(outcome.status).toBe(0);
  });

  it.each(['1', '2', '3', '4', '5', '6', '7', '8'])('a storm of them, seed %s', async (seed) => {
    const outcome = readable(
      await runGuest([guest('wild'), 'storm', seed, '3000'], {
        run: ['--env', 'SANDBOX=yes'],
      }),
    );
    // The guest may come to any end of a program's, Ringfence to none of its own.
    expect([125, 126, 127]).not.toContain(outcome.status);
    expect(outcome.stderr).not.toMatch(/^ +at |ringfence:|Error/m);
  });
});
