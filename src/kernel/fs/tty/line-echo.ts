/** What a terminal shows of what is typed. */
import { Iflag, Lflag } from '../../abi/termios.js';
import { isContinuation, MAX_EXPANSION, type OutputProcessing } from './output-processing.js';

const [BACKSPACE, TAB, NEWLINE] = [8, 9, 10];
const SPACE = 32;
const DELETE = 127;
const CARET = 94;
/** Makes a control character the letter that stands for it. */
const LETTER_BIT = 0x40;
const TAB_WIDTH = 8;

export class LineEcho {
  /** Column at which the edited line begins. */
  #start = 0;
  readonly #scratch = new Uint8Array(MAX_EXPANSION);

  constructor(
    readonly output: OutputProcessing,
    /** Shows bytes that have been processed. */
    readonly show: (bytes: Uint8Array) => void,
  ) {}

  startLine(): void {
    this.#start = this.output.column;
  }

  newline(): void {
    this.#put(NEWLINE);
  }

  /** A control character is shown as `^C`. */
  character(byte: number): void {
    if (this.#isControl(byte)) {
      this.#put(CARET);
      this.#put(byte ^ LETTER_BIT);
    } else {
      this.#put(byte);
    }
  }

  /** VLNEXT: a caret, which the next character covers. */
  literal(): void {
    if (this.output.settings.local(Lflag.ECHOCTL)) {
      this.#put(CARET);
      this.#put(BACKSPACE);
    }
  }

  /** VREPRINT */
  reprint(key: number, edited: Uint8Array): void {
    this.character(key);
    this.newline();
    this.startLine();
    for (const byte of edited) {
      this.character(byte);
    }
  }

  /** Shows that the line is cut to `length`. */
  erase(edited: Uint8Array, length: number): void {
    const { settings } = this.output;
    if (!settings.local(Lflag.ECHOE)) {
      this.character(settings.cc[2] ?? DELETE);
      return;
    }
    const columns = this.#width(edited) - this.#width(edited.subarray(0, length));
    const overTabs = edited.subarray(length).includes(TAB);
    for (let column = 0; column < columns; column++) {
      this.#put(BACKSPACE);
      if (!overTabs) {
        this.#put(SPACE);
        this.#put(BACKSPACE);
      }
    }
  }

  /** Columns that the line takes from where it begins. */
  #width(line: Uint8Array): number {
    let column = this.#start;
    for (const byte of line) {
      if (byte === TAB) {
        column += TAB_WIDTH - (column % TAB_WIDTH);
      } else if (this.#isControl(byte)) {
        column += 2;
      } else if (!(this.output.settings.input(Iflag.IUTF8) && isContinuation(byte))) {
        column += byte < SPACE || byte === DELETE ? 0 : 1;
      }
    }
    return column - this.#start;
  }

  #isControl(byte: number): boolean {
    const { settings } = this.output;
    const control = (byte < SPACE && byte !== TAB && byte !== NEWLINE) || byte === DELETE;
    return control && settings.local(Lflag.ECHOCTL);
  }

  #put(byte: number): void {
    const end = this.output.put(byte, this.#scratch, 0);
    this.show(this.#scratch.subarray(0, end));
  }
}
