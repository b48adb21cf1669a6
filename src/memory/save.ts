/** Writes a memory file to a stream, in the format of saved-format.ts: what the host holds of it and no holes. */
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import type { FileMapping } from './file-mapping.js';
import type { Frames } from './frames.js';
import { CHECKSUM, RecordType, encodeHeader, encodeRecord } from './saved-format.js';

/** Bytes written at a time; a stream is given the next when it can take them. */
const BATCH_SIZE = 256 * 1024;

/** Ends the stream. */
export async function save(
  writable: NodeJS.WritableStream,
  mapping: FileMapping,
  frames: Frames,
  allocated: number,
): Promise<void> {
  await pipeline(checksummed(batches(pieces(mapping, frames, allocated))), writable);
}

/** All but the checksum. The contents are views on the memory. */
function* pieces(
  mapping: FileMapping,
  frames: Frames,
  allocated: number,
): Generator<Uint8Array, void> {
  yield encodeHeader(allocated);
  for (const { start, end, kind, references } of frames.runs({ start: 0, end: mapping.size })) {
    if (references === 0) continue;
    yield encodeRecord({ type: RecordType.Frames, kind, start, length: end - start, references });
    for (const extent of mapping.committed({ start, end })) {
      const length = extent.end - extent.start;
      yield encodeRecord({ type: RecordType.Contents, start: extent.start, length });
      for (const block of mapping.blocks(extent)) {
        yield block;
        mapping.checkUsable(); // a view is empty once the mapping is gone
      }
    }
  }
  yield encodeRecord({ type: RecordType.End });
}

/** Copies, of one size but the last: the memory may go before the stream has written them. */
function* batches(source: Iterable<Uint8Array>): Generator<Buffer, void> {
  let batch = Buffer.allocUnsafeSlow(BATCH_SIZE);
  let used = 0;
  for (let piece of source) {
    while (piece.length > 0) {
      const length = Math.min(piece.length, BATCH_SIZE - used);
      batch.set(piece.subarray(0, length), used);
      piece = piece.subarray(length);
      used += length;
      if (used < BATCH_SIZE) continue;
      yield batch;
      batch = Buffer.allocUnsafeSlow(BATCH_SIZE);
      used = 0;
    }
  }
  yield batch.subarray(0, used);
}

function* checksummed(source: Iterable<Buffer>): Generator<Buffer, void> {
  const hash = createHash(CHECKSUM);
  for (const batch of source) {
    hash.update(batch);
    yield batch;
  }
  yield hash.digest();
}
