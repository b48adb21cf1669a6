import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { SegmentationFault } from '../../src/platform/errors.js';
import { Register } from '../../src/platform/registers.js';
import { Accessor } from './accessor.js';
import { PAGE, TestFile } from './host-file.js';
import { describePlatforms } from './platforms.js';

const AT = 0x40000000;
const LARGE = 2 * 1024 * 1024;
const RW = Access.Read | Access.Write;
const SIGBUS = 7;
const SIGSEGV = 11;
const BUS_ADRERR = 2;
const SEGV_ACCERR = 2;

/** Expects that the guest's last access was one that its file does not reach to. */
function expectBusError(guest: Accessor, address: number, access: number): void {
  const fault = guest.fault();
  expect(fault).toMatchObject({ signo: SIGBUS, code: BUS_ADRERR, address });
  expect([0, access]).toContain(fault.access);
}

/** What `io` throws. */
function faultOf(io: () => unknown): unknown {
  try {
    io();
  } catch (error) {
    expect(error).toBeInstanceOf(SegmentationFault);
    return error;
  }
  throw new Error('nothing faulted');
}

describePlatforms('behind the end of a host file', (platform) => {
  it('the guest gets SIGBUS with the address, as mmap(2) gives it', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(2, 1);
    guest.space.mapFile(AT, file.fd, file.range(0, 4), RW | Access.Execute, false);
    expect(guest.read(AT + PAGE)).toBe(2);
    expect(guest.read(AT + 2 * PAGE)).toBeUndefined();
    expectBusError(guest, AT + 2 * PAGE, Access.Read);
    expect(guest.write(AT + 3 * PAGE + 8, 1)).toBe(false);
    expectBusError(guest, AT + 3 * PAGE + 8, Access.Write);
    guest.start(guest.registers, AT + 2 * PAGE);
    expect(guest.run()).toBe(SwitchResult.Signal);
    expectBusError(guest, AT + 2 * PAGE, Access.Execute);
    expect(guest.read(AT + 4 * PAGE)).toBeUndefined();
    expect(guest.fault().signo).toBe(SIGSEGV);
  });

  it('what is not mapped for the access is SIGSEGV all the same', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(1, 1);
    guest.space.mapFile(AT, file.fd, file.range(0, 2), Access.Read, false);
    expect(guest.write(AT + PAGE, 1)).toBe(false);
    expect(guest.fault()).toMatchObject({ signo: SIGSEGV, code: SEGV_ACCERR, address: AT + PAGE });
  });

  it('nothing is what the last page holds, which reads as zeroes', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(1, 1);
    file.truncate(4);
    guest.space.mapFile(AT, file.fd, file.range(0, 1), RW, false);
    expect(guest.read(AT)).toBe(1);
    expect(guest.read(AT + 8)).toBe(0);
    expect(guest.read(AT + PAGE - 8)).toBe(0);
  });

  it('copies stop with the exact count, and words fault', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(2, 1);
    guest.space.mapFile(AT, file.fd, file.range(0, 4), RW, false);
    const bytes = new Uint8Array(4 * PAGE).fill(3);
    expect(guest.space.tryCopyOut(AT + 100, bytes)).toBe(2 * PAGE - 100);
    expect(guest.space.tryCopyIn(AT + 5, bytes)).toBe(2 * PAGE - 5);
    expect(guest.space.tryCopyIn(AT + 2 * PAGE, bytes)).toBe(0);
    expect(faultOf(() => guest.space.zeroOut(AT + PAGE, 2 * PAGE))).toMatchObject({
      address: AT + 2 * PAGE,
      done: PAGE,
    });
    expect(faultOf(() => guest.space.copyIn(AT + PAGE + 1, bytes))).toMatchObject({
      address: AT + 2 * PAGE,
      done: PAGE - 1,
    });
    expect(faultOf(() => guest.space.swapUint32(AT + 3 * PAGE, 1))).toMatchObject({
      address: AT + 3 * PAGE,
    });
    faultOf(() => guest.space.compareAndSwapUint32(AT + 2 * PAGE, 0, 1));
    expect(file.get(1)).toBe(0);
  });
});

describePlatforms('a host file that changes its size', (platform) => {
  it('is SIGBUS where it was cut off, whoever has touched it before', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(4, 1);
    guest.space.mapFile(AT, file.fd, file.range(0, 4), RW, false);
    for (let page = 0; page < 4; page++) expect(guest.write(AT + page * PAGE, 9)).toBe(true);
    file.truncate(PAGE);
    expect(guest.read(AT)).toBe(9);
    expect(guest.read(AT + PAGE)).toBeUndefined();
    expectBusError(guest, AT + PAGE, Access.Read);
    expect(guest.write(AT + 3 * PAGE, 1)).toBe(false);
    expectBusError(guest, AT + 3 * PAGE, Access.Write);
    expect(guest.read(AT)).toBe(9);
  });

  it('stops copies where it was cut off, and does not stop the host', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(4, 1);
    guest.space.mapFile(AT, file.fd, file.range(0, 4), RW, false);
    const bytes = new Uint8Array(4 * PAGE);
    expect(guest.space.tryCopyIn(AT, bytes)).toBe(4 * PAGE);
    expect(guest.space.swapUint32(AT + 3 * PAGE, 1)).toBe(4);
    file.truncate(2 * PAGE);
    expect(guest.space.tryCopyIn(AT, bytes)).toBe(2 * PAGE);
    expect(guest.space.tryCopyOut(AT + PAGE, bytes)).toBe(PAGE);
    faultOf(() => guest.space.swapUint32(AT + 3 * PAGE, 1));
    faultOf(() => guest.space.compareAndSwapUint32(AT + 3 * PAGE, 0, 1));
    expect(faultOf(() => guest.space.zeroOut(AT, 4 * PAGE))).toMatchObject({ done: 2 * PAGE });
  });

  it('is there again when it has grown, for the guest and for copies', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(1, 1);
    guest.space.mapFile(AT, file.fd, file.range(0, 8), RW, false);
    expect(guest.read(AT + PAGE)).toBeUndefined();
    file.truncate(2 * PAGE);
    expect(guest.read(AT + PAGE)).toBe(0);
    file.put(3, 40);
    const bytes = new Uint8Array(8 * PAGE);
    expect(guest.space.tryCopyIn(AT, bytes)).toBe(3 * PAGE + PAGE);
    file.truncate(6 * PAGE);
    expect(guest.space.swapUint32(AT + 5 * PAGE, 50)).toBe(0);
    file.truncate(PAGE);
    expect(guest.read(AT + 3 * PAGE)).toBeUndefined();
    file.put(3, 41);
    expect(guest.write(AT + 2 * PAGE, 42)).toBe(true);
    expect(guest.read(AT + 3 * PAGE)).toBe(41);
    expect(file.get(2)).toBe(42);
  });

  it('is cut off inside a large page, and beside other mappings of it', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(1024, 1);
    guest.space.mapFile(AT, file.fd, file.range(0, 1024), RW, false);
    guest.space.mapFile(AT + 4 * LARGE, file.fd, file.range(511, 2), RW, false);
    expect(guest.read(AT + 1023 * PAGE)).toBe(1024);
    file.truncate(700 * PAGE);
    expect(guest.read(AT + 699 * PAGE)).toBe(700);
    expect(guest.read(AT + 700 * PAGE)).toBeUndefined();
    expectBusError(guest, AT + 700 * PAGE, Access.Read);
    expect(guest.read(AT + 4 * LARGE)).toBe(512);
    file.truncate(512 * PAGE);
    expect(guest.read(AT + 4 * LARGE)).toBe(512);
    expect(guest.read(AT + 4 * LARGE + PAGE)).toBeUndefined();
    expectBusError(guest, AT + 4 * LARGE + PAGE, Access.Read);
  });

  it('can be cut off while a guest runs on it', async () => {
    using guest = platform.guest('1: incl (%rdi)\n jmp 1b', { vcpus: 2 });
    using file = new TestFile(2, 0);
    guest.space.mapFile(AT, file.fd, file.range(0, 2), RW, false);
    for (let round = 0; round < 5; round++) {
      guest.start(guest.registers);
      guest.registers.setNumber(Register.Rdi, AT + PAGE);
      const running = guest.context.switch(guest.space, guest.registers, -1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      file.truncate(PAGE);
      expect(await running).toBe(SwitchResult.Signal);
      expect(guest.fault()).toMatchObject({ signo: SIGBUS, code: BUS_ADRERR, address: AT + PAGE });
      file.truncate(2 * PAGE);
    }
  });
});
