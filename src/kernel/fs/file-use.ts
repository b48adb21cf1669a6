/** Who writes a file, and who runs the program in it: never both (execve(2), ETXTBSY). */
export class FileUse {
  /** Open files that may write. */
  writers = 0;
  /** Memories that a program in it runs in, or is loaded into. */
  executions = 0;

  get isOver(): boolean {
    return this.writers === 0 && this.executions === 0;
  }
}

/** Of files that are not one object each: by what tells them apart, while somebody uses them. */
export class FileUses {
  readonly #uses = new Map<bigint, FileUse>();

  of(key: bigint): FileUse {
    return this.#uses.get(key) ?? new FileUse();
  }

  /** It has begun, or is over. */
  record(key: bigint, use: FileUse): void {
    if (use.isOver) {
      this.#uses.delete(key);
    } else {
      this.#uses.set(key, use);
    }
  }
}
