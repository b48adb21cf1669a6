/** Saving and loading in constant memory: far more passes through than is ever held. */
import { createReadStream, createWriteStream, readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { MemoryFile } from '../../src/memory/memory-file.js';
import { MemoryKind } from '../../src/platform/contract.js';

const PAGE = 4096;
const MIB = 1024 * 1024;

/** Bytes of this process outside the memory files, which are shared memory: its anonymous pages. */
function ownMemory(): number {
  return process.memoryUsage.rss() - sharedMemory();
}

function sharedMemory(): number {
  const pages = readStatm()[2] ?? 0;
  return pages * PAGE;
}

function readStatm(): number[] {
  return readFileSync('/proc/self/statm', 'latin1').split(' ').map(Number);
}

it('two gibibytes with holes go through a file and come back', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ringfence-memory-'));
  const path = join(directory, 'saved');
  const memory = new MemoryFile(2048 * MIB);
  const copy = new MemoryFile(2048 * MIB);
  try {
    const range = memory.allocate(2048 * MIB, MemoryKind.Anonymous);
    for (let at = range.start; at < range.end; at += 4 * MIB) {
      const island = { start: at, end: at + 256 * 1024 };
      for (const block of memory.mapInternal(island, 2)) block.fill(1 + ((at / MIB) % 255));
    }
    const before = ownMemory();
    await memory.saveTo(createWriteStream(path));
    await copy.loadFrom(createReadStream(path));
    expect(ownMemory() - before).toBeLessThan(64 * MIB);
    expect((await stat(path)).size).toBeLessThan(129 * MIB);
    expect(copy.totalUsage()).toBe(128 * MIB);
    expect(copy.allocated).toBe(2048 * MIB);
    for (let at = range.start; at < range.end; at += 4 * MIB) {
      const [block] = copy.mapInternal({ start: at, end: at + 256 * 1024 }, 1);
      const [original] = memory.mapInternal({ start: at, end: at + 256 * 1024 }, 1);
      expect(Buffer.compare(block as Uint8Array, original as Uint8Array)).toBe(0);
    }
  } finally {
    memory.destroy();
    copy.destroy();
    await rm(directory, { recursive: true });
  }
});

it('a quarter of a gibibyte without holes goes from memory to memory, a little at a time', async () => {
  const memory = new MemoryFile(256 * MIB);
  const copy = new MemoryFile(256 * MIB);
  const range = memory.allocate(256 * MIB, MemoryKind.Anonymous);
  for (const block of memory.mapInternal(range, 2)) block.fill(0xa5);
  const before = ownMemory();
  let most = 0;
  const between = new PassThrough();
  between.on('data', () => (most = Math.max(most, ownMemory() - before)));
  await Promise.all([memory.saveTo(between), copy.loadFrom(between)]);
  expect(most).toBeLessThan(64 * MIB);
  expect(copy.totalUsage()).toBe(256 * MIB);
  memory.destroy();
  copy.destroy();
});

it('a stream that takes nothing is given little', async () => {
  const memory = new MemoryFile(64 * MIB);
  const range = memory.allocate(64 * MIB, MemoryKind.Anonymous);
  for (const block of memory.mapInternal(range, 2)) block.fill(1);
  let written = 0;
  let release: (() => void) | undefined;
  const stuck = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written += chunk.length;
      release = done;
    },
  });
  const saving = memory.saveTo(stuck);
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  expect(written + stuck.writableLength).toBeLessThan(MIB);
  stuck.destroy(new Error('enough'));
  release?.();
  await expect(saving).rejects.toThrow('enough');
  memory.destroy();
});
