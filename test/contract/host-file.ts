/** A host file for tests: open for reading and writing, its pages full of their numbers, gone with the test. */
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const PAGE = 4096;

let made = 0;

export class TestFile implements Disposable {
  readonly path: string;
  readonly fd: number;
  #gone = false;

  /** Page n holds `first` + n in its first eight bytes. */
  constructor(pages: number, first = 1, folder = tmpdir()) {
    this.path = join(folder, `ringfence-test-${process.pid}-${made++}`);
    this.fd = openSync(this.path, 'wx+');
    this.truncate(pages * PAGE);
    for (let page = 0; page < pages; page++) this.put(page, first + page);
  }

  truncate(length: number): void {
    ftruncateSync(this.fd, length);
  }

  put(page: number, value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    writeSync(this.fd, bytes, 0, 8, page * PAGE);
  }

  get(page: number): number {
    const bytes = Buffer.alloc(8);
    readSync(this.fd, bytes, 0, 8, page * PAGE);
    return Number(bytes.readBigInt64LE());
  }

  /** `count` pages from `page` on. */
  range(page: number, count: number): { start: number; end: number } {
    return { start: page * PAGE, end: (page + count) * PAGE };
  }

  /** Closes and deletes it. */
  [Symbol.dispose](): void {
    if (this.#gone) return;
    this.#gone = true;
    closeSync(this.fd);
    unlinkSync(this.path);
  }
}
