/** Locks on ranges of a file, against a model that knows every byte. */
import { describe, expect, test } from 'vitest';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import { type RangeLock, RangeLocks } from '../../../src/kernel/fs/locks/range-locks.js';
import { Guest, HostTree, MEMORY_START } from './guest.js';

const LENGTH = 24;
const OWNERS = [{}, {}, {}];

function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

/** For each byte and owner: 0 nothing, 1 shared, 2 exclusive. */
class Model {
  readonly bytes = OWNERS.map(() => new Array<number>(LENGTH).fill(0));

  allows(who: number, { exclusive, start, end }: RangeLock): boolean {
    return this.bytes.every(
      (own, owner) =>
        owner === who ||
        own.slice(start, end + 1).every((kind) => kind === 0 || (kind === 1 && !exclusive)),
    );
  }

  set(who: number, { start, end }: RangeLock, kind: number): void {
    this.bytes[who]?.fill(kind, start, end + 1);
  }
}

describe('locks on ranges', () => {
  test.each([1, 2, 3, 4, 5])('do what each byte of a model says, seed %i', (seed) => {
    const random = generator(seed);
    const model = new Model();
    const locks = new RangeLocks();
    for (let step = 0; step < 3000; step++) {
      const who = random(OWNERS.length);
      const start = random(LENGTH);
      const end = start + random(LENGTH - start);
      const kind = random(3);
      const owner = OWNERS[who] ?? {};
      const range = { owner, exclusive: kind === 2, start, end, pid: who };
      if (kind === 0) {
        locks.unlock(range);
        model.set(who, range, 0);
        continue;
      }
      const allowed = model.allows(who, range);
      expect(locks.conflict(range) === undefined).toBe(allowed);
      if (allowed) {
        locks.lock(range);
        model.set(who, range, kind);
      }
    }
  });
});

describe('the memory of locks', () => {
  test('is limited, and given back with the table of descriptors', () => {
    using host = new HostTree();
    const guest = new Guest({ rootfs: host.path, memoryLimit: 1024 * 1024 });
    const memory = KernelMemory.of(guest.memory);
    const fd = guest.ok('open', '/dev/shm/file', 0o102, 0o600);
    const before = memory.held;
    const lock = (start: number): number | string => {
      const bytes = Buffer.alloc(32);
      bytes.writeInt16LE(1, 0);
      bytes.writeBigInt64LE(BigInt(start), 8);
      bytes.writeBigInt64LE(1n, 16);
      guest.mm.copyOut(MEMORY_START, bytes);
      return guest.call('fcntl', fd, 6, MEMORY_START);
    };
    let count = 0;
    while (lock(count * 2) === 0) {
      count++;
    }
    expect(lock(count * 2)).toBe('ENOLCK');
    expect(count).toBeLessThan(2000);
    guest.ok('close', fd);
    expect(memory.held).toBeLessThanOrEqual(before);
    guest[Symbol.dispose]();
  });
});
