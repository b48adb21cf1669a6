import { Errno } from '../abi/errno.js';

/** A program cannot be started; the message says why in a sentence for its user. */
export class ExecError extends Error {
  override readonly name = 'ExecError';

  constructor(
    /** Positive. */
    readonly errno: number,
    message: string,
  ) {
    super(message);
  }

  /** The status a shell gives: 127 where there is no such program, else 126. */
  get exitStatus(): 126 | 127 {
    return this.errno === Errno.ENOENT || this.errno === Errno.ENOTDIR ? 127 : 126;
  }
}
