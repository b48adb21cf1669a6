/** In a file of its own: on a host whose exits cost 100 µs a million of them take minutes. */
import { expect, it } from 'vitest';

import { guest } from '../guests/build.js';
import { patience, slowdown } from '../patience.js';

import { run } from './outcome.js';
import { describePlatforms } from './platforms.js';
import { expectSameAsNative } from './same.js';

/** An emulator that forgets every translation at each way out gets ten times slower after some thousand of them. */
const CALLS = slowdown === 1 ? 1_000_000 : 1000;

describePlatforms('a guest that checks its registers', () => {
  it(
    `registers, flags, vectors and red zone across ${CALLS} system calls`,
    async () => {
      // What the processor has counts, also where the sandbox's CPUID keeps quiet about it.
      const level = /[xyz]mm/.exec((await run([guest('registers'), '1'])).stdout.toString())?.[0];
      const command = [guest('registers'), `${CALLS}`, level ?? 'xmm'];
      expect((await expectSameAsNative(command)).status).toBe(0);
    },
    patience(900_000),
  );
});
