import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryFile } from '../../src/memory/memory-file.js';
import { MemoryKind } from '../../src/platform/contract.js';
import { PlatformError, SavedMemoryError } from '../../src/platform/errors.js';
import type { FileRange } from '../../src/platform/file-range.js';

const PAGE = 4096;
const MIB = 1024 * 1024;
const HEADER = 24;
const RECORD = 32;
const CHECKSUM = 32;

async function saved(memory: MemoryFile): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await memory.saveTo(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    }),
  );
  return Buffer.concat(chunks);
}

/** Streams `bytes` in pieces of `atOnce`. */
function streamOf(bytes: Buffer, atOnce = 64 * 1024): Readable {
  const pieces = function* (): Generator<Buffer> {
    for (let at = 0; at < bytes.length; at += atOnce) yield bytes.subarray(at, at + atOnce);
  };
  return Readable.from(pieces(), { objectMode: false });
}

/** Makes the checksum right again, so that what is before it is looked at. */
function sealed(bytes: Buffer): Buffer {
  const body = bytes.subarray(0, -CHECKSUM);
  return Buffer.concat([body, createHash('sha256').update(body).digest()]);
}

function fill(memory: MemoryFile, range: FileRange, byte: number): void {
  for (const block of memory.mapInternal(range, 2)) block.fill(byte);
}

/** Three allocations: one partly touched, one shared page, one of zeroes. */
function sample(): { memory: MemoryFile; ranges: FileRange[] } {
  const memory = new MemoryFile(16 * MIB);
  const ranges = [5, 3, 2].map((pages, at) =>
    memory.allocate(
      pages * PAGE,
      [MemoryKind.Anonymous, MemoryKind.Tmpfs, MemoryKind.System][at] ?? 0,
    ),
  );
  const [first, second] = ranges as [FileRange, FileRange];
  fill(memory, { start: first.start, end: first.start + PAGE + 1 }, 0x11);
  fill(memory, { start: first.end - PAGE, end: first.end }, 0x22);
  fill(memory, second, 0x33);
  memory.incRef({ start: second.start + PAGE, end: second.start + 2 * PAGE });
  return { memory, ranges };
}

/** Everything that a memory says of itself. */
async function stateOf(memory: MemoryFile): Promise<string> {
  const digest = createHash('sha256')
    .update(await saved(memory))
    .digest('hex');
  return `${memory.allocated} ${memory.totalUsage()} ${digest}`;
}

describe('a saved memory', () => {
  it('comes back with contents, references and kinds', async () => {
    const { memory, ranges } = sample();
    memory.updateUsage();
    const copy = new MemoryFile(16 * MIB);
    await copy.loadFrom(streamOf(await saved(memory)));
    copy.updateUsage();
    expect(copy.usage).toEqual(memory.usage);
    expect(copy.usage).toMatchObject({ anonymous: 3 * PAGE, tmpfs: 3 * PAGE, system: 0 });
    expect(await stateOf(copy)).toBe(await stateOf(memory));
    for (const range of ranges) {
      const contents = Buffer.concat(copy.mapInternal(range, 1));
      expect(contents.equals(Buffer.concat(memory.mapInternal(range, 1)))).toBe(true);
    }
    for (const range of ranges) copy.decRef(range);
    expect(copy.allocated).toBe(PAGE);
    const fresh = copy.allocate(4 * MIB, MemoryKind.Anonymous);
    expect(copy.mapInternal(fresh, 1).every((block) => block.every((byte) => byte === 0))).toBe(
      true,
    );
    memory.destroy();
    copy.destroy();
  });

  it('holds no holes and nothing of what was freed', async () => {
    const memory = new MemoryFile(1024 * MIB);
    const gone = memory.allocate(PAGE, MemoryKind.Anonymous);
    const big = memory.allocate(1000 * MIB, MemoryKind.Anonymous);
    fill(memory, gone, 0x5e);
    fill(memory, { start: big.end - PAGE, end: big.end }, 0x77);
    memory.decRef(gone);
    const bytes = await saved(memory);
    expect(bytes.length).toBe(HEADER + 3 * RECORD + PAGE + CHECKSUM);
    expect(bytes.includes(Buffer.alloc(64, 0x5e))).toBe(false);
    memory.destroy();
  });

  it('replaces what is in the memory that loads it', async () => {
    const { memory, ranges } = sample();
    const bytes = await saved(memory);
    const before = await stateOf(memory);
    for (const range of ranges) fill(memory, range, 0xee);
    fill(memory, memory.allocate(3 * MIB, MemoryKind.PageCache), 0xdd);
    memory.decRef(ranges[2] as FileRange);
    await memory.loadFrom(streamOf(bytes));
    expect(await stateOf(memory)).toBe(before);
    const fresh = memory.allocate(3 * MIB, MemoryKind.Anonymous);
    expect(memory.mapInternal(fresh, 1).every((block) => block.every((b) => b === 0))).toBe(true);
    memory.destroy();
  });

  it('may come in pieces of any size', async () => {
    const { memory } = sample();
    const bytes = await saved(memory);
    for (const atOnce of [1, 7, 31, PAGE - 1, bytes.length]) {
      const copy = new MemoryFile(16 * MIB);
      await copy.loadFrom(streamOf(bytes, atOnce));
      expect(await stateOf(copy)).toBe(await stateOf(memory));
      copy.destroy();
    }
    memory.destroy();
  });

  it('is the same for any allocations, references and contents', async () => {
    const step = fc.record({
      pages: fc.integer({ min: 1, max: 700 }),
      kind: fc.constantFrom(...Object.values(MemoryKind)),
      references: fc.integer({ min: 0, max: 3 }),
      touched: fc.array(fc.nat(699), { maxLength: 5 }),
      keep: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const memory = new MemoryFile(64 * MIB);
        for (const { pages, kind, references, touched, keep } of steps) {
          const range = memory.allocate(pages * PAGE, kind);
          for (const page of touched) {
            const at = range.start + (page % pages) * PAGE;
            fill(memory, { start: at + 5, end: at + 6 }, 1 + (page % 255));
            for (let i = 0; i < references; i++) memory.incRef({ start: at, end: at + PAGE });
          }
          if (!keep) memory.decRef(range);
        }
        const copy = new MemoryFile(64 * MIB);
        const bytes = await saved(memory);
        await copy.loadFrom(streamOf(bytes, 10_000));
        expect((await saved(copy)).equals(bytes)).toBe(true);
        memory.destroy();
        copy.destroy();
      }),
      { numRuns: 40 },
    );
  });
});

describe('what is not a whole saved memory is refused, and the memory is as it was:', () => {
  async function refused(bytes: Buffer, target: MemoryFile, reason: RegExp): Promise<void> {
    const before = await stateOf(target);
    await expect(target.loadFrom(streamOf(bytes))).rejects.toThrow(SavedMemoryError);
    await expect(target.loadFrom(streamOf(bytes))).rejects.toThrow(reason);
    expect(await stateOf(target)).toBe(before);
  }

  /** Offsets of interest: all of the first record and the last bytes, and some between. */
  function offsets(length: number): number[] {
    const chosen = new Set<number>();
    for (let at = 0; at < HEADER + 2 * RECORD; at++) chosen.add(at);
    for (let at = length - RECORD - CHECKSUM - 2; at < length; at++) chosen.add(at);
    for (let at = 0; at < length; at += 977) chosen.add(at);
    return [...chosen];
  }

  for (const [name, make] of [
    ['an empty one', () => new MemoryFile(16 * MIB)],
    ['one in use', () => sample().memory],
  ] as const) {
    it(`cut short anywhere, by ${name}`, async () => {
      const { memory } = sample();
      const bytes = await saved(memory);
      const target = make();
      for (const at of offsets(bytes.length)) {
        await refused(bytes.subarray(0, at), target, /ends early, after \d+ bytes/);
      }
      await target.loadFrom(streamOf(bytes));
      expect(await stateOf(target)).toBe(await stateOf(memory));
      memory.destroy();
      target.destroy();
    });

    it(`with a bit changed anywhere, by ${name}`, async () => {
      const { memory } = sample();
      const bytes = await saved(memory);
      const target = make();
      for (const at of offsets(bytes.length)) {
        const altered = Buffer.from(bytes);
        altered[at] = (altered[at] as number) ^ (1 << (at % 8));
        await refused(altered, target, /not a whole saved memory/);
      }
      await target.loadFrom(streamOf(bytes));
      expect(await stateOf(target)).toBe(await stateOf(memory));
      memory.destroy();
      target.destroy();
    });
  }

  it('with bytes replaced, left out or put in', async () => {
    const { memory, ranges } = sample();
    const bytes = await saved(memory);
    const target = sample().memory;
    fill(target, ranges[2] as FileRange, 0x99);
    const descriptors = readdirSync('/proc/self/fd').length;
    const splice = fc.record({
      at: fc.oneof(fc.nat(HEADER + 2 * RECORD), fc.nat(bytes.length)),
      gone: fc.oneof(fc.constant(0), fc.nat(64), fc.nat(2 * PAGE)),
      put: fc.uint8Array({ maxLength: 80 }),
    });
    await fc.assert(
      fc.asyncProperty(splice, async ({ at, gone, put }) => {
        const altered = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + gone)]);
        fc.pre(!altered.equals(bytes));
        await refused(altered, target, /not a whole saved memory/);
      }),
      { numRuns: 100 },
    );
    expect(readdirSync('/proc/self/fd').length).toBe(descriptors);
    memory.destroy();
    target.destroy();
  });

  it('with anything behind it, of another program, of another version', async () => {
    const { memory } = sample();
    const bytes = await saved(memory);
    const other = Buffer.from(bytes);
    other.writeUInt32LE(2, 8);
    await refused(Buffer.concat([bytes, Buffer.alloc(1)]), memory, /more follows/);
    await refused(Buffer.concat([bytes, bytes]), memory, /more follows/);
    await refused(Buffer.from('\x7fELF'.padEnd(9000, 'x')), memory, /does not begin as one/);
    await refused(other, memory, /its format has version 2, and only 1 is known/);
    memory.destroy();
  });

  it('bigger than the limit, or at offsets that are not there', async () => {
    const memory = new MemoryFile(128 * MIB);
    const low = memory.allocate(100 * MIB, MemoryKind.Anonymous);
    const high = memory.allocate(PAGE, MemoryKind.Anonymous);
    fill(memory, high, 1);
    const small = new MemoryFile(16 * MIB);
    await refused(await saved(memory), small, /more than the limit of 16777216/);
    memory.decRef(low);
    await refused(await saved(memory), small, /a page at offset \d+, too high/);
    memory.destroy();
    small.destroy();
  });

  it('with a right checksum over wrong numbers', async () => {
    const { memory } = sample();
    const bytes = await saved(memory);
    const frames = HEADER;
    const contents = HEADER + RECORD;
    const wild = [
      1n,
      4095n,
      1n << 20n,
      1n << 46n,
      1n << 53n,
      (1n << 64n) - 4096n,
      (1n << 64n) - 1n,
    ];
    const target = new MemoryFile(16 * MIB);
    for (const value of [0n, ...wild]) {
      for (const [record, field] of [
        [frames, 8],
        [frames, 16],
        [frames, 24],
        [contents, 8],
        [contents, 16],
      ] as const) {
        const forged = Buffer.from(bytes);
        if (forged.readBigUInt64LE(record + field) === value) continue;
        if (record === frames && field === 24 && value > 0n && value < 1n << 29n) continue;
        forged.writeBigUInt64LE(value, record + field);
        await refused(sealed(forged), target, /not a whole saved memory/);
      }
    }
    for (const [at, value] of [
      [frames, 0],
      [frames, 9],
      [frames, 2],
      [frames + 4, 7],
      [16, 4096],
    ] as const) {
      const forged = Buffer.from(bytes);
      forged.writeUInt32LE(value, at);
      await refused(sealed(forged), target, /not a whole saved memory/);
    }
    memory.destroy();
    target.destroy();
  });

  it('when its stream fails', async () => {
    const { memory } = sample();
    const bytes = await saved(memory);
    const before = await stateOf(memory);
    const failing = Readable.from(
      (function* () {
        yield bytes.subarray(0, 9000);
        throw new Error('the network is gone');
      })(),
    );
    await expect(memory.loadFrom(failing)).rejects.toThrow('the network is gone');
    await expect(memory.loadFrom(streamOf(bytes).setEncoding('latin1'))).rejects.toThrow(
      /stream of bytes/,
    );
    expect(await stateOf(memory)).toBe(before);
    memory.destroy();
  });
});

describe('while a memory is saved or loaded', () => {
  it('nothing may change it, and it may be read', async () => {
    const { memory, ranges } = sample();
    const range = ranges[0] as FileRange;
    let attempts = 0;
    const slow = new Writable({
      write(_chunk, _encoding, done) {
        attempts++;
        for (const change of [
          () => memory.allocate(PAGE, MemoryKind.Anonymous),
          () => {
            memory.incRef(range);
          },
          () => {
            memory.decRef(range);
          },
          () => {
            memory.decommit(range);
          },
        ]) {
          expect(change).toThrow(/being saved; await that first/);
        }
        expect(memory.isShared(range)).toBe(false);
        done();
      },
    });
    const saving = memory.saveTo(slow);
    await expect(memory.saveTo(slow)).rejects.toThrow(/being saved/);
    await expect(memory.loadFrom(streamOf(Buffer.alloc(0)))).rejects.toThrow(/being saved/);
    await saving;
    expect(attempts).toBeGreaterThan(0);
    memory.decRef(range);
    memory.destroy();
  });

  it('a stream that fails makes saving fail, and the memory stays usable', async () => {
    const { memory } = sample();
    const before = await stateOf(memory);
    const failing = new Writable({
      write(_chunk, _encoding, done) {
        done(new Error('the disk is full'));
      },
    });
    await expect(memory.saveTo(failing)).rejects.toThrow('the disk is full');
    const closed = new Writable();
    closed.destroy();
    await expect(memory.saveTo(closed)).rejects.toThrow();
    expect(await stateOf(memory)).toBe(before);
    memory.destroy();
  });

  it('it may be destroyed, which ends that', async () => {
    const memory = new MemoryFile(64 * MIB);
    fill(memory, memory.allocate(8 * MIB, MemoryKind.Anonymous), 1);
    const bytes = await saved(memory);
    const destroying = new Writable({
      write(_chunk, _encoding, done) {
        memory.destroy();
        done();
      },
    });
    await expect(memory.saveTo(destroying)).rejects.toThrow(/destroyed while it was being saved/);
    await expect(memory.saveTo(destroying)).rejects.toThrow(PlatformError);
    for (const used of [true, false]) {
      const target = new MemoryFile(64 * MIB);
      if (used) target.allocate(PAGE, MemoryKind.Anonymous);
      const source = Readable.from(
        (function* () {
          yield bytes.subarray(0, MIB);
          target.destroy();
          yield bytes.subarray(MIB);
        })(),
      );
      await expect(target.loadFrom(source)).rejects.toThrow(/destroyed while it was being loaded/);
    }
  });
});
