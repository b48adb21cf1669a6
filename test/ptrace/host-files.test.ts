/** Files of the host in a stub: their bytes are copied by the host's kernel, which knows where they end. */
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SegmentationFault } from '../../src/platform/errors.js';
import { createPtracePlatform } from '../../src/ptrace/platform.js';
import { Accessor } from '../contract/accessor.js';
import { cacheFolder } from '../guests/build.js';

const PAGE = 4096;
const AT = 0x40000000;
const RW = Access.Read | Access.Write;
const SIGBUS = 7;
const BUS_ADRERR = 2;
const folder = mkdtempSync(join(cacheFolder('scratch'), 'host-'));

class Mapped extends Accessor {
  readonly path: string;

  /** The first pages of a file of three, mapped at `AT`; the descriptor is closed. */
  constructor(name: string, pages: number, flags = 'r+', access: number = RW) {
    super(createPtracePlatform);
    this.path = join(folder, name);
    writeFileSync(this.path, Buffer.alloc(3 * PAGE, 1));
    const fd = openSync(this.path, flags);
    this.space.mapFile(AT, fd, { start: 0, end: pages * PAGE }, access, false);
    closeSync(fd);
  }
}

describe('a host file', () => {
  it('is one for guest, host and copies, its descriptor closed', () => {
    using guest = new Mapped('shared', 3);
    expect(guest.read(AT + PAGE)).toBe(Number(0x0101010101010101n));
    guest.write(AT + 2 * PAGE, 77);
    expect(readFileSync(guest.path).readBigUInt64LE(2 * PAGE)).toBe(77n);
    guest.space.copyOut(AT + PAGE - 2, Uint8Array.of(1, 2, 3, 4));
    expect([...readFileSync(guest.path).subarray(PAGE - 2, PAGE + 2)]).toEqual([1, 2, 3, 4]);
    guest.space.zeroOut(AT + 1, 2 * PAGE);
    expect(
      readFileSync(guest.path)
        .subarray(1, 2 * PAGE + 1)
        .every((byte) => byte === 0),
    ).toBe(true);
    const bytes = new Uint8Array(3 * PAGE + 1);
    expect(guest.space.tryCopyIn(AT, bytes)).toBe(3 * PAGE);
    expect(Buffer.from(bytes.subarray(0, 3 * PAGE)).equals(readFileSync(guest.path))).toBe(true);
  });

  it('that is truncated ends copies where it ends, and the guest by SIGBUS', () => {
    using guest = new Mapped('truncated', 3);
    truncateSync(guest.path, PAGE + 100);
    const bytes = new Uint8Array(3 * PAGE).fill(9);
    expect(guest.space.tryCopyIn(AT, bytes)).toBe(2 * PAGE);
    expect(bytes[PAGE + 99]).toBe(1);
    expect(bytes[PAGE + 100]).toBe(0);
    expect(guest.space.tryCopyOut(AT + PAGE + 50, bytes.subarray(PAGE))).toBe(PAGE - 50);
    expect(() => {
      guest.space.zeroOut(AT, 3 * PAGE);
    }).toThrow(expect.objectContaining({ address: AT + 2 * PAGE, done: 2 * PAGE }));
    expect(() => guest.space.swapUint32(AT + 2 * PAGE, 1)).toThrow(SegmentationFault);
    expect(guest.read(AT + 2 * PAGE)).toBeUndefined();
    expect(guest.fault()).toEqual({
      signo: SIGBUS,
      code: BUS_ADRERR,
      address: AT + 2 * PAGE,
      access: Access.Read,
    });
    expect(guest.write(AT + 2 * PAGE + 8, 1)).toBe(false);
    expect(guest.fault()).toMatchObject({ signo: SIGBUS, access: Access.Write });
    truncateSync(guest.path, 3 * PAGE);
    expect(guest.read(AT + 2 * PAGE)).toBe(0);
    expect(guest.space.swapUint32(AT + 2 * PAGE, 1)).toBe(0);
  });

  it('is exchanged with atomically, and only where it may be written', () => {
    using guest = new Mapped('words', 1);
    expect(guest.space.swapUint32(AT, 0xfffffffe)).toBe(0x01010101);
    expect(guest.space.compareAndSwapUint32(AT, 1, 2)).toBe(0xfffffffe);
    expect(guest.space.compareAndSwapUint32(AT, 0xfffffffe, 5)).toBe(0xfffffffe);
    expect(readFileSync(guest.path).readUInt32LE(0)).toBe(5);
    using other = new Mapped('read-only', 1, 'r', Access.Read);
    expect(() => other.space.swapUint32(AT, 1)).toThrow(SegmentationFault);
    expect(other.space.tryCopyOut(AT, Uint8Array.of(1))).toBe(0);
  });

  it('keeps its bytes while others are mapped beside and over it', () => {
    using guest = new Mapped('beside', 3);
    guest.map(guest.space, AT + PAGE, guest.allocate(PAGE), RW);
    guest.space.copyOut(AT, Buffer.alloc(3 * PAGE, 8));
    const file = readFileSync(guest.path);
    expect([file[0], file[PAGE], file[2 * PAGE]]).toEqual([8, 1, 8]);
    guest.space.unmap(AT, PAGE);
    expect(guest.space.tryCopyIn(AT + PAGE, new Uint8Array(3 * PAGE))).toBe(2 * PAGE);
    expect(guest.space.tryCopyIn(AT, new Uint8Array(1))).toBe(0);
  });

  it('is refused with a reason where it cannot be mapped', () => {
    using guest = new Mapped('refused', 1);
    const map = (fd: number, access: number): void => {
      guest.space.mapFile(AT, fd, { start: 0, end: PAGE }, access, false);
    };
    const readOnly = openSync(guest.path, 'r');
    const writeOnly = openSync(guest.path, 'a');
    const nothing = openSync('/dev/null', 'r+');
    expect(() => {
      map(readOnly, RW);
    }).toThrow(/open for reading only/);
    expect(() => {
      map(writeOnly, Access.Read);
    }).toThrow(/not open for reading/);
    expect(() => {
      map(nothing, RW);
    }).toThrow(/only regular files and memfds/);
    for (const fd of [-1, 1_000_000, 1.5]) {
      expect(() => {
        map(fd, RW);
      }).toThrow(/no open file descriptor/);
    }
    for (const fd of [readOnly, writeOnly, nothing]) closeSync(fd);
    expect(guest.read(AT)).toBe(Number(0x0101010101010101n));
  });
});
