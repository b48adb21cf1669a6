/** Reads what save.ts has written. Nothing in the stream is believed before it is checked. */
import { pipeline } from 'node:stream/promises';
import { SavedMemoryError } from '../platform/errors.js';
import { PAGE_SIZE, isPageAligned, type FileRange } from '../platform/file-range.js';
import { ByteSource } from './byte-source.js';
import type { FileMapping } from './file-mapping.js';
import { Frames, MOST_REFERENCES } from './frames.js';
import {
  CHECKSUM_SIZE,
  HEADER_SIZE,
  RECORD_SIZE,
  RecordType,
  decodeHeader,
  decodeRecord,
  type SavedRecord,
} from './saved-format.js';
import { isMemoryKind } from './usage.js';

export interface Loaded {
  readonly frames: Frames;
  readonly allocated: number;
}

/**
 * Reads the stream to its end, and the contents into `target`, which is all zeroes before; where this fails they are
 * to be thrown away. At most `limit` bytes are taken.
 * @throws {SavedMemoryError} where the stream is not a whole saved memory
 */
export async function load(
  readable: NodeJS.ReadableStream,
  target: FileMapping,
  limit: number,
): Promise<Loaded> {
  return pipeline(readable, (chunks: AsyncIterable<unknown>) =>
    new Loader(new ByteSource(chunks), target).load(limit),
  );
}

class Loader {
  readonly #source: ByteSource;
  readonly #target: FileMapping;
  readonly #frames: Frames;
  /** The pages of the last record of frames, and where the contents of them that have come end. */
  #run: FileRange = { start: 0, end: 0 };
  #filled = 0;
  #allocated = 0;

  constructor(source: ByteSource, target: FileMapping) {
    this.#source = source;
    this.#target = target;
    this.#frames = new Frames(target.size);
  }

  async load(limit: number): Promise<Loaded> {
    const allocated = decodeHeader(await this.#source.exactly(HEADER_SIZE));
    if (typeof allocated === 'string') throw new SavedMemoryError(allocated);
    if (allocated > limit) {
      throw new SavedMemoryError(`it has ${allocated} bytes, more than the limit of ${limit} here`);
    }
    while (await this.#record());
    await this.#checkEnd();
    if (this.#allocated !== allocated) throw new SavedMemoryError('pages of it are missing');
    return { frames: this.#frames, allocated };
  }

  /** False at the end. */
  async #record(): Promise<boolean> {
    const record = decodeRecord(await this.#source.exactly(RECORD_SIZE));
    if (record.type === RecordType.End) return false;
    if (record.type === RecordType.Frames) this.#takeFrames(record);
    else if (record.type === RecordType.Contents) await this.#takeContents(record);
    else this.#refuse();
    return true;
  }

  #takeFrames({ kind, start, length, references }: SavedRecord): void {
    const within = { start: this.#run.end, end: Infinity };
    if (!isWithin(start, length, within) || !isMemoryKind(kind)) return this.#refuse();
    if (start + length > this.#target.size) {
      throw new SavedMemoryError(`it has a page at offset ${start + length - PAGE_SIZE}, too high`);
    }
    if (references < 1 || references > MOST_REFERENCES) return this.#refuse();
    this.#run = { start, end: start + length };
    this.#filled = start;
    this.#allocated += length;
    this.#frames.assign(this.#run, kind, references);
  }

  async #takeContents({ start, length }: SavedRecord): Promise<void> {
    const within = { start: this.#filled, end: this.#run.end };
    if (!isWithin(start, length, within)) return this.#refuse();
    this.#filled = start + length;
    for (const block of this.#target.blocks({ start, end: start + length })) {
      await this.#source.fill(block);
    }
  }

  async #checkEnd(): Promise<void> {
    const checksum = this.#source.checksum();
    if (!(await this.#source.exactly(CHECKSUM_SIZE)).equals(checksum)) this.#refuse();
    if (!(await this.#source.isAtEnd())) throw new SavedMemoryError('more follows behind its end');
  }

  #refuse(): never {
    throw new SavedMemoryError(`it has been altered (noticed at byte ${this.#source.position})`);
  }
}

function isWithin(start: number, length: number, range: FileRange): boolean {
  return (
    isPageAligned(start) &&
    isPageAligned(length) &&
    length > 0 &&
    start >= range.start &&
    start + length <= range.end
  );
}
