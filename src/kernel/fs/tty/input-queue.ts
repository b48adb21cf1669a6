/** What was typed and not yet read: complete lines, and behind them the one that is still edited. */
export const INPUT_SIZE = 4096;

export class InputQueue {
  readonly #bytes = new Uint8Array(INPUT_SIZE);
  #length = 0;
  /** Lengths of the complete lines; one that an end-of-file ended alone is empty. */
  #lines: number[] = [];
  /** Bytes of all complete lines. */
  #complete = 0;

  /** Bytes, and ends of lines, that it still takes. */
  get room(): number {
    return INPUT_SIZE - 1 - this.#length - this.#lines.length;
  }

  get length(): number {
    return this.#length;
  }

  get hasLine(): boolean {
    return this.#lines.length > 0;
  }

  /** Bytes that can be read by lines. */
  get completeLength(): number {
    return this.#complete;
  }

  /** The line that is edited. */
  get edited(): Uint8Array {
    return this.#bytes.subarray(this.#complete, this.#length);
  }

  push(byte: number): void {
    // A line that is too long loses its last characters, but can still be ended.
    const at = Math.min(this.#length, INPUT_SIZE - 1);
    this.#bytes[at] = byte;
    this.#length = at + 1;
  }

  /** Takes the last bytes of the edited line away. */
  erase(count: number): void {
    this.#length -= count;
  }

  /** The edited line is complete. */
  endLine(): void {
    this.#lines.push(this.#length - this.#complete);
    this.#complete = this.#length;
  }

  /** At most a line; -1 where none is complete. */
  takeLine(dst: Uint8Array): number {
    const line = this.#lines[0];
    if (line === undefined) {
      return -1;
    }
    const count = Math.min(dst.length, line);
    this.#take(dst, count);
    this.#complete -= count;
    if (count === line) {
      this.#lines.shift();
    } else {
      this.#lines[0] = line - count;
    }
    return count;
  }

  /** Whatever there is. */
  takeBytes(dst: Uint8Array): number {
    const count = Math.min(dst.length, this.#length);
    this.#take(dst, count);
    return count;
  }

  /** From now on read by bytes: nothing is a line any more. */
  forgetLines(): void {
    this.#lines = [];
    this.#complete = 0;
  }

  /** From now on read by lines: what is there is one. */
  makeLine(): void {
    this.forgetLines();
    if (this.#length > 0) {
      this.endLine();
    }
  }

  clear(): void {
    this.#length = 0;
    this.forgetLines();
  }

  #take(dst: Uint8Array, count: number): void {
    dst.set(this.#bytes.subarray(0, count));
    this.#bytes.copyWithin(0, count, this.#length);
    this.#length -= count;
  }
}
