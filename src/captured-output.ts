/** What a program wrote to one of its streams, up to a limit. */
import { OutputLimitError } from './errors.js';

export class CapturedOutput {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(
    readonly stream: 'stdout' | 'stderr',
    readonly limit: number,
    /** Told once, when the limit is passed; what comes after is dropped. */
    readonly onLimit: (error: OutputLimitError) => void,
  ) {}

  /** Takes bytes of its own to keep. */
  readonly write = (bytes: Uint8Array): void => {
    const before = this.#length;
    this.#length += bytes.length;
    if (this.#length <= this.limit) this.#chunks.push(bytes);
    else if (before <= this.limit) this.onLimit(new OutputLimitError(this.stream, this.limit));
  };

  toBuffer(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
