/** What a terminal makes of the bytes that are written to it (termios(3), c_oflag). */
import { Oflag } from '../../abi/termios.js';
import type { TerminalSettings } from './terminal-settings.js';

const [BACKSPACE, TAB, NEWLINE, RETURN] = [8, 9, 10, 13];
const SPACE = 32;
const DELETE = 127;
const TAB_WIDTH = 8;
/** Most bytes that one becomes. */
export const MAX_EXPANSION = TAB_WIDTH;

export class OutputProcessing {
  column = 0;

  constructor(readonly settings: TerminalSettings) {}

  /** Appends what `byte` becomes to `out` at `at`; gives the end. */
  put(byte: number, out: Uint8Array, at: number): number {
    const { settings } = this;
    if (!settings.output(Oflag.OPOST)) {
      out[at] = byte;
      return at + 1;
    }
    switch (byte) {
      case NEWLINE:
        return this.#newline(out, at);
      case RETURN:
        return this.#return(out, at);
      case TAB:
        return this.#tab(out, at);
      case BACKSPACE:
        this.column = Math.max(0, this.column - 1);
        break;
      default:
        this.column += byte < SPACE || byte === DELETE || isContinuation(byte) ? 0 : 1;
    }
    out[at] = settings.output(Oflag.OLCUC) ? upperCase(byte) : byte;
    return at + 1;
  }

  #newline(out: Uint8Array, at: number): number {
    const { settings } = this;
    let end = at;
    if (settings.output(Oflag.ONLCR)) {
      out[end++] = RETURN;
    }
    if (settings.output(Oflag.ONLCR | Oflag.ONLRET)) {
      this.column = 0;
    }
    out[end++] = NEWLINE;
    return end;
  }

  #return(out: Uint8Array, at: number): number {
    const { settings } = this;
    if (settings.output(Oflag.ONOCR) && this.column === 0) {
      return at;
    }
    const becomesNewline = settings.output(Oflag.OCRNL);
    if (!becomesNewline || settings.output(Oflag.ONLRET)) {
      this.column = 0;
    }
    out[at] = becomesNewline ? NEWLINE : RETURN;
    return at + 1;
  }

  #tab(out: Uint8Array, at: number): number {
    const width = TAB_WIDTH - (this.column % TAB_WIDTH);
    this.column += width;
    if ((this.settings.oflag & Oflag.TABDLY) !== Oflag.XTABS) {
      out[at] = TAB;
      return at + 1;
    }
    out.fill(SPACE, at, at + width);
    return at + width;
  }
}

/** A byte of a UTF-8 character behind its first. */
export function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

const [LOWER_A, LOWER_Z] = [97, 122];

function upperCase(byte: number): number {
  return byte >= LOWER_A && byte <= LOWER_Z ? byte - SPACE : byte;
}
