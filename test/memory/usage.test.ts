import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { MemoryFile } from '../../src/memory/memory-file.js';
import { MemoryKind } from '../../src/platform/contract.js';

const PAGE = 4096;
const MIB = 1024 * 1024;

function total(memory: MemoryFile): number {
  memory.updateUsage();
  const { system, anonymous, pageCache, tmpfs, free } = memory.usage;
  return system + anonymous + pageCache + tmpfs + free;
}

/** What stat(2) says of the file, asked by another program. */
function hostUsage(memory: MemoryFile): number {
  const path = `/proc/${process.pid}/fd/${memory.fd}`;
  const output = execFileSync('stat', ['-L', '-c', '%b %B', path], { encoding: 'utf8' });
  const [blocks = 0, size = 0] = output.split(' ').map(Number);
  return blocks * size;
}

it('usage is of the pages touched, by kind, and its sum is what the host says of the file', () => {
  const memory = new MemoryFile(256 * MIB);
  const sizes = { system: 3, anonymous: 70, pageCache: 11, tmpfs: 5 };
  const kinds = [
    ['system', MemoryKind.System],
    ['anonymous', MemoryKind.Anonymous],
    ['pageCache', MemoryKind.PageCache],
    ['tmpfs', MemoryKind.Tmpfs],
  ] as const;
  memory.updateUsage();
  expect(memory.usage).toEqual({ system: 0, anonymous: 0, pageCache: 0, tmpfs: 0, free: 0 });
  for (const [name, kind] of kinds) {
    const { start } = memory.allocate(2 * sizes[name] * MIB, kind);
    const touched = { start, end: start + sizes[name] * MIB };
    for (const block of memory.mapInternal(touched, 2)) block.fill(1);
  }
  memory.updateUsage();
  expect(memory.usage).toEqual({
    system: 3 * MIB,
    anonymous: 70 * MIB,
    pageCache: 11 * MIB,
    tmpfs: 5 * MIB,
    free: 0,
  });
  expect(memory.totalUsage()).toBe(89 * MIB);
  expect(hostUsage(memory)).toBe(89 * MIB);
  memory.destroy();
});

it('usage follows what is decommitted and freed, and names what is kept for reuse', () => {
  const memory = new MemoryFile(64 * MIB);
  const range = memory.allocate(8 * MIB, MemoryKind.Tmpfs);
  for (const block of memory.mapInternal(range, 2)) block.fill(1);
  memory.decommit({ start: range.start, end: range.start + 2 * MIB });
  expect(total(memory)).toBe(6 * MIB);
  expect(memory.usage.tmpfs).toBe(6 * MIB);
  memory.decRef({ start: range.end - PAGE, end: range.end });
  expect(total(memory)).toBe(memory.totalUsage());
  expect(memory.usage.tmpfs).toBe(6 * MIB - PAGE);
  expect(memory.usage.free).toBe(PAGE);
  expect(hostUsage(memory)).toBe(total(memory));
  memory.destroy();
});

it('ten thousand scattered pages are counted', () => {
  const memory = new MemoryFile(128 * MIB);
  const { start, end } = memory.allocate(80 * MIB, MemoryKind.Anonymous);
  for (let at = start; at < end; at += 2 * PAGE) {
    for (const block of memory.mapInternal({ start: at, end: at + 1 }, 2)) block.fill(1);
  }
  memory.updateUsage();
  expect(memory.usage.anonymous).toBe(10_240 * PAGE);
  expect(memory.totalUsage()).toBe(10_240 * PAGE);
  memory.destroy();
});
