/** Output that the user of the library receives as bytes. */
import { O } from '../abi/fcntl.js';
import { Mode, type StatRecord } from '../abi/stat.js';
import { POLL_WRITABLE } from '../abi/poll.js';
import { fillAnonymousStat, nextAnonymousInode } from './anonymous-stat.js';
import { PIPE_DEVICE } from './device-numbers.js';
import { OpenFile } from './open-file.js';

/** Looks like the writing end of a pipe. */
export class CaptureFile extends OpenFile {
  readonly #inode = nextAnonymousInode();

  constructor(
    /** Receives every write, as bytes of its own to keep. */
    readonly onData: (bytes: Uint8Array) => void,
    /** Called when the guest has closed its last descriptor. */
    readonly onEnd: () => void = () => undefined,
  ) {
    super(O.WRONLY);
  }

  override write(src: Uint8Array): number {
    if (src.length > 0) {
      // Not `slice`: that of a Buffer gives no copy.
      this.onData(new Uint8Array(src));
    }
    return src.length;
  }

  override poll(): number {
    return POLL_WRITABLE;
  }

  override stat(out: StatRecord): number {
    return fillAnonymousStat(out, Mode.S_IFIFO | 0o600, PIPE_DEVICE, this.#inode, this);
  }

  override describe(): string {
    return `pipe:[${String(this.#inode)}]`;
  }

  protected override onClose(): void {
    this.onEnd();
  }
}
