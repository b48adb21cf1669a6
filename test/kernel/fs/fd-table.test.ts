/** Descriptors of a hostile guest: high numbers, many of them, and copies of them. */
import { describe, expect, it } from 'vitest';
import { CaptureFile } from '../../../src/kernel/fs/capture-file.js';
import { FdTable } from '../../../src/kernel/fs/fd-table.js';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';

const KIB = 1024;
const HIGH = 1_000_000;
const LIMIT = 1_048_576;

function openTable(limit = 16 * 1024 * KIB): { table: FdTable; held: KernelMemory } {
  const held = new KernelMemory(limit);
  const table = new FdTable();
  expect(table.countIn(held)).toBe(true);
  return { table, held };
}

const newFile = (): CaptureFile => new CaptureFile(() => undefined);

describe('a descriptor table', () => {
  it('takes no memory in proportion to a high number, nor do its copies', () => {
    const { table, held } = openTable();
    expect(table.install(HIGH, newFile())).toBe(0);
    expect(held.held).toBeLessThan(256 * KIB);
    expect([...(table.clone()?.descriptors() ?? [])]).toEqual([HIGH]);
    expect(held.held).toBeLessThan(512 * KIB);
  });

  it('refuses what does not fit, and keeps what is there', () => {
    const { table, held } = openTable(64 * KIB);
    const [file, other] = [newFile(), newFile()];
    expect(table.install(3, file)).toBe(0);
    let fd = 0;
    while (fd >= 0) fd = table.allocate(other, false, 0, LIMIT);
    expect(fd).toBe(-12);
    expect(table.install(HIGH, other)).toBe(-12);
    expect(table.clone()).toBeUndefined();
    expect(table.get(3)).toBe(file);
    expect(held.held).toBeLessThanOrEqual(held.limit);
  });

  it('gives everything back as it is closed', () => {
    const { table, held } = openTable();
    const file = newFile();
    for (let fd = 0; fd < 1000; fd++) {
      file.incRef();
      table.install(fd * 1000, file);
    }
    const copy = table.clone();
    copy?.release();
    table.closeRange(500, 4_000_000_000, false);
    expect([...table.descriptors()]).toEqual([0]);
    table.close(0);
    expect(held.held).toBe(0);
    expect(file.references).toBe(1);
  });

  it('finds the lowest free number across blocks', () => {
    const { table } = openTable();
    const file = newFile();
    for (let fd = 0; fd < 300; fd++) expect(table.allocate(file, false, 0, LIMIT)).toBe(fd);
    for (const fd of [64, 128, 299]) table.close(fd);
    expect(table.allocate(file, false, 65, LIMIT)).toBe(128);
    expect(table.allocate(file, false, 0, LIMIT)).toBe(64);
    expect(table.allocate(file, false, 0, LIMIT)).toBe(299);
    expect(table.allocate(file, false, HIGH, LIMIT)).toBe(HIGH);
    expect(table.allocate(file, false, 0, 300)).toBe(-24);
  });

  it('keeps marks across blocks', () => {
    const { table } = openTable();
    const file = newFile();
    for (let fd = 0; fd < 200; fd++) table.allocate(file, fd % 2 === 1);
    table.closeRange(100, 150, true);
    table.closeOnExec();
    const left = [...table.descriptors()];
    expect(left).toContain(98);
    expect(left.some((fd) => fd % 2 === 1 || (fd >= 100 && fd <= 150))).toBe(false);
  });
});
