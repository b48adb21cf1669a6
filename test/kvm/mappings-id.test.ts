import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { createKvmPlatform, type KvmPlatform } from '../../src/kvm/platform.js';
import { Access } from '../../src/platform/access.js';
import type { AddressSpace } from '../../src/platform/contract.js';
import { Accessor } from '../contract/accessor.js';
import { PAGE, TestFile } from '../contract/host-file.js';
import { describeKvm } from '../kvm.js';

const AT = 0x40000000;
const LARGE = 2 * 1024 * 1024;
const RW = Access.Read | Access.Write;

function newSpace(guest: Accessor<KvmPlatform>, id?: object): AddressSpace {
  const space = guest.platform.newAddressSpace(id);
  if (space instanceof Promise) throw new Error('no address space at once');
  return space;
}

function first(space: AddressSpace): number {
  const byte = new Uint8Array(1);
  return space.tryCopyIn(AT, byte) === 1 ? (byte[0] as number) : -1;
}

/** A page that begins with `value`, mapped. */
function mapPage(guest: Accessor<KvmPlatform>, space: AddressSpace, value: number): void {
  const range = guest.allocate(PAGE);
  guest.fill(range.start, PAGE, () => value);
  guest.map(space, AT, range, RW);
}

const collectGarbage = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

describeKvm('address spaces of one id', () => {
  it('have the mappings that the last one was released with', () => {
    using guest = new Accessor(createKvmPlatform);
    const id = {};
    const space = newSpace(guest, id);
    mapPage(guest, space, 5);
    space.release();
    expect(guest.platform.keptPageTables).toBe(1);
    for (const other of [newSpace(guest), newSpace(guest, {})]) expect(first(other)).toBe(-1);
    const again = newSpace(guest, id);
    expect(guest.platform.keptPageTables).toBe(0);
    expect(first(again)).toBe(5);
    expect(first(space)).toBe(-1);
    again.unmap(AT, PAGE);
    again.release();
    expect(first(newSpace(guest, id))).toBe(-1);
  });

  it('are one set of mappings while they live', () => {
    using guest = new Accessor(createKvmPlatform);
    const id = {};
    const [one, two] = [newSpace(guest, id), newSpace(guest, id)];
    mapPage(guest, one, 6);
    expect(first(two)).toBe(6);
    one.release();
    expect(first(two)).toBe(6);
    two.release();
    two.release();
    expect(guest.platform.keptPageTables).toBe(1);
  });

  it('keep no more page tables than there are few of', () => {
    using guest = new Accessor(createKvmPlatform);
    const ids = Array.from({ length: 40 }, () => ({}));
    for (const [n, id] of ids.entries()) {
      const space = newSpace(guest, id);
      mapPage(guest, space, n + 1);
      space.release();
    }
    expect(guest.platform.keptPageTables).toBe(32);
    const found = ids.map((id) => first(newSpace(guest, id)));
    expect(found).toEqual(ids.map((_, n) => (n < 8 ? -1 : n + 1)));
  });

  it('lose what is kept when page tables run short', () => {
    using guest = new Accessor(createKvmPlatform);
    const id = {};
    const kept = newSpace(guest, id);
    const page = guest.allocate(PAGE);
    for (let n = 0; n < 3000; n++) guest.map(kept, AT + n * LARGE, page, RW);
    kept.release();
    expect(guest.platform.keptPageTables).toBe(1);
    const available = 126 * 512 - guest.platform.pageTablePages;
    for (let n = 0; n < available + 500; n++) guest.map(guest.space, AT + n * LARGE, page, RW);
    expect(guest.platform.keptPageTables).toBe(0);
    expect(first(newSpace(guest, id))).toBe(-1);
  });

  it('keep nothing for an id that is gone, and no host file open', async () => {
    using guest = new Accessor(createKvmPlatform);
    const before = guest.platform.pageTablePages;
    ((): void => {
      const space = newSpace(guest, {});
      mapPage(guest, space, 7);
      space.release();
    })();
    expect(guest.platform.keptPageTables).toBe(1);
    for (let n = 0; n < 50 && guest.platform.keptPageTables > 0; n++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(guest.platform.keptPageTables).toBe(0);
    expect(guest.platform.pageTablePages).toBe(before);
    using file = new TestFile(1);
    const space = newSpace(guest, guest);
    space.mapFile(AT, file.fd, file.range(0, 1), RW, false);
    space.release();
    expect(guest.platform.hostFiles.files).toBe(0);
    expect(first(newSpace(guest, guest))).toBe(-1);
  });
});
