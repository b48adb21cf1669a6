/** Random socket calls with random arguments: no call may throw, and nothing may be left when all is closed. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Guest, HostTree, MEMORY_START, WILD } from '../fs/guest.js';

const CALLS = [
  'socket',
  'socketpair',
  'bind',
  'listen',
  'accept4',
  'connect',
  'getsockname',
  'getpeername',
  'sendto',
  'recvfrom',
  'sendmsg',
  'recvmsg',
  'sendmmsg',
  'recvmmsg',
  'shutdown',
  'setsockopt',
  'getsockopt',
  'ioctl',
  'read',
  'write',
  'close',
  'dup',
] as const;

const number = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.integer({ min: -2, max: 300 }),
  fc.constantFrom(MEMORY_START, MEMORY_START + 512, WILD, 0, 16, 28, 110, 0x40, 0x541b, 0x8912),
  fc.double({ min: 0, max: 2 ** 52, noNaN: true }).map(Math.floor),
);

/** Addresses, headers and control messages that are nearly right. */
const contents = fc.oneof(
  fc.uint8Array({ minLength: 64, maxLength: 64 }),
  fc
    .tuple(fc.constantFrom(1, 2, 10, 16), fc.uint8Array({ maxLength: 30 }))
    .map(([family, rest]) => Uint8Array.from([family, 0, ...rest])),
  fc.constantFrom(
    Uint8Array.from([2, 0, 0x30, 0x39, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
    Uint8Array.from([1, 0, 0, 97, 98]),
  ),
);

const step = fc.record({
  name: fc.constantFrom(...CALLS),
  args: fc.array(number, { minLength: 6, maxLength: 6 }),
  bytes: contents,
});

it('survives random calls', async () => {
  using host = new HostTree();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const guest = new Guest({ rootfs: host.path });
      const { network } = guest.task.kernel;
      const before = network.kernelMemory.held;
      for (const { name, args, bytes } of steps) {
        guest.mm.copyOut(MEMORY_START, bytes);
        const numbers = args.map((value) => (value < 0 ? BigInt(value) : value));
        const result = guest.async(name, ...numbers);
        // Whatever it waits for, a signal comes first.
        guest.task.wake();
        await result;
      }
      guest.task.files.closeAll();
      expect(network.rights.count).toBe(0);
      expect(network.sockets.size).toBe(0);
      expect([...network.tcpPorts.all(), ...network.udpPorts.all()]).toEqual([]);
      expect(network.kernelMemory.held).toBe(before);
      guest[Symbol.dispose]();
    }),
    { numRuns: 300 },
  );
});
