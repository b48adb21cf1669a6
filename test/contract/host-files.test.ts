import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { hostFiles } from '../../src/host/host-files.js';
import { native } from '../../src/host/native.js';
import { Access } from '../../src/platform/access.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { PlatformError } from '../../src/platform/errors.js';
import { Register } from '../../src/platform/registers.js';
import { Accessor } from './accessor.js';
import { PAGE, TestFile } from './host-file.js';
import { describePlatforms } from './platforms.js';

const AT = 0x40000000;
const LARGE = 2 * 1024 * 1024;
const RW = Access.Read | Access.Write;
const SIGSEGV = 11;
const SEGV_ACCERR = 2;
const O_PATH = 0o10000000;

describePlatforms('a host file', (platform) => {
  it.each(['/dev/shm', tmpdir()])('is the same for the guest and the host, in %s', (folder) => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(8, 1, folder);
    guest.space.mapFile(AT, file.fd, file.range(2, 4), RW, false);
    for (let page = 0; page < 4; page++) expect(guest.read(AT + page * PAGE)).toBe(page + 3);
    expect(guest.write(AT + PAGE, 77)).toBe(true);
    expect(file.get(3)).toBe(77);
    file.put(3, 78);
    expect(guest.read(AT + PAGE)).toBe(78);
    const bytes = new Uint8Array([9, 0, 0, 0, 0, 0, 0, 0]);
    guest.space.copyOut(AT + 2 * PAGE, bytes);
    expect(file.get(4)).toBe(9);
    guest.space.zeroOut(AT + 2 * PAGE, 8);
    expect(file.get(4)).toBe(0);
    file.put(5, 5);
    guest.space.copyIn(AT + 3 * PAGE, bytes);
    expect(bytes[0]).toBe(5);
    expect(guest.read(AT + 4 * PAGE)).toBeUndefined();
  });

  it('can be a memfd of somebody else`s, which may go before the mapping', () => {
    using guest = new Accessor(platform.create);
    const memory = new native.MemoryFile(LARGE);
    new Uint32Array(memory.view(0, LARGE))[PAGE / 4] = 21;
    guest.space.mapFile(AT, memory.fd, { start: 0, end: LARGE }, RW, true);
    expect(guest.write(AT, 0)).toBe(true);
    expect(guest.read(AT + PAGE)).toBe(21);
    memory.destroy();
    expect(guest.read(AT + PAGE)).toBe(21);
  });

  it('can be mapped at any offset, and at any distance from a large page', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(1);
    const offset = 2 ** 42 + 5 * PAGE;
    file.truncate(offset + 2 * LARGE);
    file.put(offset / PAGE, 11);
    file.put((offset + LARGE) / PAGE, 12);
    for (const at of [AT, AT + PAGE, AT + 7 * LARGE + 5 * PAGE]) {
      guest.space.mapFile(at, file.fd, { start: offset, end: offset + LARGE + PAGE }, RW, false);
      expect(guest.read(at)).toBe(11);
      expect(guest.read(at + LARGE)).toBe(12);
      expect(guest.read(at + LARGE - PAGE)).toBe(0);
      expect(guest.read(at + LARGE + PAGE)).toBeUndefined();
    }
  });

  it('stays mapped when the caller has closed and deleted it, until it is unmapped', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(4, 50);
    guest.space.mapFile(AT, file.fd, file.range(0, 1), RW, false);
    const second = openSync(file.path, 'r+');
    guest.space.mapFile(AT + PAGE, second, file.range(1, 1), RW, false);
    const third = openSync(file.path, 'r+');
    closeSync(second);
    file[Symbol.dispose]();
    expect(guest.read(AT)).toBe(50);
    expect(guest.write(AT + PAGE, 60)).toBe(true);
    guest.space.mapFile(AT, third, file.range(1, 1), RW, false);
    closeSync(third);
    expect(guest.read(AT)).toBe(60);
    guest.space.unmap(AT, PAGE);
    expect(guest.read(AT)).toBeUndefined();
    expect(guest.read(AT + PAGE)).toBe(60);
  });

  it('that is open for reading only can be read and run, and not written to', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(2, 30);
    const fd = openSync(file.path, 'r');
    guest.space.mapFile(AT, fd, file.range(0, 2), Access.Read | Access.Execute, true);
    expect(guest.read(AT + PAGE)).toBe(31);
    expect(guest.write(AT, 1)).toBe(false);
    expect(guest.fault()).toEqual({
      signo: SIGSEGV,
      code: SEGV_ACCERR,
      address: AT,
      access: Access.Write,
    });
    expect(guest.space.tryCopyOut(AT, new Uint8Array(8))).toBe(0);
    expect(guest.space.tryCopyIn(AT, new Uint8Array(3 * PAGE))).toBe(2 * PAGE);
    expect(file.get(0)).toBe(30);
    expect(() => {
      guest.space.mapFile(AT + LARGE, fd, file.range(0, 1), RW, false);
    }).toThrow(/open for reading only/);
    // Beside the same file opened for both.
    guest.space.mapFile(AT + LARGE, file.fd, file.range(0, 1), RW, false);
    expect(guest.write(AT + LARGE, 32)).toBe(true);
    expect(guest.read(AT)).toBe(32);
    closeSync(fd);
  });

  it('runs in the guest', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(1, 0x050f); // syscall
    guest.space.mapFile(AT, file.fd, file.range(0, 1), Access.Read | Access.Execute, false);
    guest.start(guest.registers, AT);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.registers.getNumber(Register.Rip)).toBe(AT + 2);
  });

  it('is one in every address space that maps it', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(600, 1);
    const other = guest.newSpace('syscall');
    const descriptor = openSync(file.path, 'r+');
    guest.space.mapFile(AT, file.fd, file.range(0, 600), RW, false);
    other.mapFile(AT + LARGE, descriptor, file.range(500, 100), RW, false);
    closeSync(descriptor);
    other.copyOut(AT + LARGE, new Uint8Array([200]));
    expect(guest.read(AT + 500 * PAGE)).toBe(200 + 256);
    guest.space.unmap(AT, 600 * PAGE);
    other.copyOut(AT + LARGE + PAGE, new Uint8Array([1]));
    expect(file.get(501)).toBe(1 + 256);
    other.release();
  });

  it('replaces what is mapped, and is replaced by it, page by page', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(1024, 5000);
    const memory = guest.allocate(2 * LARGE);
    guest.fill(memory.start, 2 * LARGE, (page) => page);
    guest.map(guest.space, AT, memory, RW);
    expect(guest.read(AT + 3 * PAGE)).toBe(3);
    guest.space.mapFile(AT + 2 * PAGE, file.fd, file.range(0, 600), RW, false);
    expect([1, 2, 601, 602].map((page) => guest.read(AT + page * PAGE))).toEqual([
      1, 5000, 5599, 602,
    ]);
    const page = { start: memory.start, end: memory.start + PAGE };
    guest.map(guest.space, AT + 300 * PAGE, page, RW);
    expect([299, 300, 301].map((n) => guest.read(AT + n * PAGE))).toEqual([5297, 0, 5299]);
    guest.map(guest.space, AT, memory, RW);
    expect([2, 301, 601].map((n) => guest.read(AT + n * PAGE))).toEqual([2, 301, 601]);
  });

  it('swaps words with the guest', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(1, 7);
    guest.space.mapFile(AT, file.fd, file.range(0, 1), RW, false);
    expect(guest.space.swapUint32(AT, 0xffffffff)).toBe(7);
    expect(guest.read(AT)).toBe(0xffffffff);
    expect(guest.space.compareAndSwapUint32(AT, 1, 2)).toBe(0xffffffff);
    expect(guest.space.compareAndSwapUint32(AT, 0xffffffff, 2)).toBe(0xffffffff);
    expect(guest.space.swapUint32(AT, 3)).toBe(2);
    expect(file.get(0)).toBe(3);
  });

  it('loses no increment of the guest`s to one of the host`s', async () => {
    // Adds 1 to the word at rdi, rcx times.
    using guest = platform.guest('1: lock incl (%rdi)\n decq %rcx\n jnz 1b\n syscall');
    using file = new TestFile(1, 0);
    guest.space.mapFile(AT, file.fd, file.range(0, 1), RW, false);
    guest.registers.setNumber(Register.Rdi, AT);
    guest.registers.setNumber(Register.Rcx, 2_000_000);
    const running = guest.context.switch(guest.space, guest.registers, -1);
    let added = 0;
    for (let before = 0; added < 200;) {
      const found = guest.space.compareAndSwapUint32(AT, before, before + 1);
      if (found === before) added++;
      before = found === before ? before + 1 : found;
      if (added % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await running).toBe(SwitchResult.Syscall);
    expect(file.get(0)).toBe(2_000_200);
  });

  it('is out of a running guest`s reach once it is unmapped', async () => {
    using guest = platform.guest('1: incl (%rdi)\n jmp 1b', { vcpus: 2 });
    using file = new TestFile(1, 0);
    for (let round = 0; round < 10; round++) {
      guest.space.mapFile(AT, file.fd, file.range(0, 1), RW, false);
      guest.start(guest.registers);
      guest.registers.setNumber(Register.Rdi, AT);
      const running = guest.context.switch(guest.space, guest.registers, -1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      guest.space.unmap(AT, PAGE);
      const value = file.get(0);
      expect(await running).toBe(SwitchResult.Signal);
      expect(guest.fault()).toMatchObject({ signo: SIGSEGV, address: AT });
      expect(file.get(0)).toBe(value);
    }
  });
});

describePlatforms('what is no file that can be mapped', (platform) => {
  function refusal(guest: Accessor, fd: number, access: number = Access.Read): unknown {
    try {
      guest.space.mapFile(AT, fd, { start: 0, end: PAGE }, access, false);
    } catch (error) {
      expect(error).toBeInstanceOf(PlatformError);
      return error;
    }
    throw new Error(`descriptor ${fd} was mapped`);
  }

  it('is refused by its name', async () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(1);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = (server as unknown as { _handle: { fd: number } })._handle.fd;
    const opened = [
      [openSync('/proc/self/fd', 'r'), /a directory/],
      [openSync('/dev/zero', 'r+'), /a character device/],
      [openSync(file.path, 'a'), /not open for reading/],
      [openSync(file.path, O_PATH), /not open for reading/],
      [openSync('/proc/self/status', 'r'), /the host cannot map/],
    ] as const;
    for (const [fd, message] of opened) {
      expect(refusal(guest, fd)).toMatchObject({
        message: expect.stringMatching(message) as string,
      });
    }
    expect(refusal(guest, socket)).toMatchObject({ message: /a socket/ });
    for (const fd of [-1, 1e6, 0.5, NaN]) {
      expect(String(refusal(guest, fd))).toMatch(/no open file descriptor/);
    }
    for (const [fd] of opened) closeSync(fd);
    server.close();
  });

  it('leaves what was mapped, and nothing open', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(1, 6);
    guest.space.mapFile(AT, file.fd, file.range(0, 1), RW, false);
    const directory = openSync('/', 'r');
    const readOnly = openSync(file.path, 'r');
    const before = readdirSync('/proc/self/fd').length;
    refusal(guest, directory);
    refusal(guest, readOnly, RW);
    expect(guest.read(AT)).toBe(6);
    expect(readdirSync('/proc/self/fd').length).toBe(before);
    closeSync(readOnly);
    closeSync(directory);
  });
});

describePlatforms('host files', (platform) => {
  /** Descriptors and mappings of this process. */
  function holdings(): { descriptors: number; mappings: number } {
    return {
      descriptors: readdirSync('/proc/self/fd').length,
      mappings: readFileSync('/proc/self/maps', 'latin1')
        .split('\n')
        .filter((line) => /ringfence-test/.test(line)).length,
    };
  }

  it('leave nothing behind, mapped and unmapped 10,000 times', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(2048);
    using other = new TestFile(2, 9);
    const round = (turn: number): void => {
      const page = (turn * 37) % 1024;
      guest.space.mapFile(AT, file.fd, file.range(page, 1 + (turn % 600)), RW, false);
      if (turn % 100 === 0) expect(guest.read(AT)).toBe(page + 1);
      if (turn % 3 === 0) guest.space.mapFile(AT, other.fd, other.range(0, 1), RW, false);
      if (turn % 300 === 0) expect(guest.read(AT)).toBe(9);
      guest.space.unmap(AT, 600 * PAGE);
    };
    round(0);
    const before = holdings();
    for (let turn = 0; turn < 10_000; turn++) round(turn);
    expect(holdings()).toEqual(before);
    expect(hostFiles.statusFlags(file.fd)).toBeGreaterThanOrEqual(0);
  }, 120_000);

  it('go with the address space that maps them, and with the platform', () => {
    const guest = new Accessor(platform.create);
    using file = new TestFile(4);
    const before = holdings();
    const space = guest.newSpace('syscall');
    space.mapFile(AT, file.fd, file.range(0, 4), RW, false);
    space.release();
    space.release();
    guest.space.mapFile(AT, file.fd, file.range(0, 4), RW, false);
    guest.platform.dispose();
    guest.space.release();
    const after = holdings();
    expect(after.mappings).toBe(0);
    expect(after.descriptors).toBeLessThan(before.descriptors);
  });
});
