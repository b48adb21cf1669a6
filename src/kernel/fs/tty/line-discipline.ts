/** What a terminal makes of the bytes that are typed: signals, editing of lines, echo (termios(3)). */
import { Signo } from '../../abi/signal.js';
import { Cc, Iflag, Lflag } from '../../abi/termios.js';
import { InputQueue } from './input-queue.js';
import type { LineEcho } from './line-echo.js';
import { isContinuation } from './output-processing.js';
import type { TerminalSettings } from './terminal-settings.js';

const [NEWLINE, RETURN] = [10, 13];
const SEVEN_BITS = 0x7f;
const SIGNAL_KEYS = [
  [Cc.VINTR, Signo.SIGINT],
  [Cc.VQUIT, Signo.SIGQUIT],
  [Cc.VSUSP, Signo.SIGTSTP],
] as const;

/** What the discipline asks of its terminal. */
export interface DisciplineHost {
  /** A key stands for a signal: it goes to the foreground group, and unless told otherwise output is discarded. */
  onSignal(signo: number, flush: boolean): void;
  /** Output is stopped, or goes on. */
  onFlow(stopped: boolean): void;
}

export class LineDiscipline {
  readonly input = new InputQueue();
  #literalNext = false;
  /** Performance.now() of the last byte, for VTIME. */
  lastByteTime = 0;

  constructor(
    readonly settings: TerminalSettings,
    readonly echo: LineEcho,
    readonly host: DisciplineHost,
  ) {}

  get canonical(): boolean {
    return this.settings.local(Lflag.ICANON);
  }

  /** Whether it takes another byte: a line that is too long can always be ended. */
  canTake(): boolean {
    return this.input.room > 0 || (this.canonical && !this.input.hasLine);
  }

  /** A byte was typed. */
  receive(typed: number): void {
    this.lastByteTime = performance.now();
    const byte = this.settings.input(Iflag.ISTRIP) ? typed & SEVEN_BITS : typed;
    if (this.#literalNext) {
      this.#literalNext = false;
      this.#store(byte);
    } else if (!this.#isFlowKey(byte) && !this.#isSignalKey(byte)) {
      this.#translate(byte);
    }
  }

  #isFlowKey(byte: number): boolean {
    const { settings, host } = this;
    if (!settings.input(Iflag.IXON)) {
      return false;
    }
    if (settings.is(Cc.VSTART, byte) || settings.is(Cc.VSTOP, byte)) {
      host.onFlow(settings.is(Cc.VSTOP, byte) && !settings.is(Cc.VSTART, byte));
      return true;
    }
    if (settings.input(Iflag.IXANY)) {
      host.onFlow(false);
    }
    return false;
  }

  #isSignalKey(byte: number): boolean {
    const { settings } = this;
    const key = settings.local(Lflag.ISIG)
      ? SIGNAL_KEYS.find(([index]) => settings.is(index, byte))
      : undefined;
    if (key === undefined) {
      return false;
    }
    const flush = !settings.local(Lflag.NOFLSH);
    if (flush) {
      this.input.clear();
    }
    this.host.onSignal(key[1], flush);
    if (settings.local(Lflag.ECHO)) {
      this.echo.character(byte);
    }
    return true;
  }

  #translate(byte: number): void {
    const { settings } = this;
    if (byte === RETURN) {
      if (settings.input(Iflag.IGNCR)) {
        return;
      }
      this.#dispatch(settings.input(Iflag.ICRNL) ? NEWLINE : RETURN);
    } else if (byte === NEWLINE && settings.input(Iflag.INLCR)) {
      this.#dispatch(RETURN);
    } else {
      this.#dispatch(byte);
    }
  }

  #dispatch(byte: number): void {
    if (!this.canonical || !(this.#isEditing(byte) || this.#endsLine(byte))) {
      this.#store(byte);
    }
  }

  #store(byte: number): void {
    if (this.settings.local(Lflag.ECHO)) {
      this.#startLine();
      if (byte === NEWLINE) {
        this.echo.newline();
      } else {
        this.echo.character(byte);
      }
    }
    this.input.push(byte);
  }

  /** The column at which the line begins that is edited from now on. */
  #startLine(): void {
    if (this.input.edited.length === 0) {
      this.echo.startLine();
    }
  }

  /** Keys that change the edited line. */
  #isEditing(byte: number): boolean {
    const { settings } = this;
    const extended = settings.local(Lflag.IEXTEN);
    if (settings.is(Cc.VERASE, byte)) {
      this.#erase(this.#lastCharacter());
    } else if (settings.is(Cc.VKILL, byte)) {
      this.#kill(byte);
    } else if (extended && settings.is(Cc.VWERASE, byte)) {
      this.#erase(this.#lastWord());
    } else if (extended && settings.is(Cc.VLNEXT, byte)) {
      this.#literalNext = true;
      if (settings.local(Lflag.ECHO)) {
        this.#startLine();
        this.echo.literal();
      }
    } else if (extended && settings.local(Lflag.ECHO) && settings.is(Cc.VREPRINT, byte)) {
      this.echo.reprint(byte, this.input.edited);
    } else {
      return false;
    }
    return true;
  }

  #endsLine(byte: number): boolean {
    const { settings, input } = this;
    if (byte === NEWLINE) {
      if (settings.local(Lflag.ECHO) || settings.local(Lflag.ECHONL)) {
        this.echo.newline();
      }
      input.push(byte);
    } else if (settings.is(Cc.VEOF, byte)) {
      // It ends the line and is no part of it.
    } else if (
      settings.is(Cc.VEOL, byte) ||
      (settings.is(Cc.VEOL2, byte) && settings.local(Lflag.IEXTEN))
    ) {
      this.#store(byte);
    } else {
      return false;
    }
    input.endLine();
    return true;
  }

  #erase(count: number): void {
    const { edited } = this.input;
    if (count === 0) {
      return;
    }
    if (this.settings.local(Lflag.ECHO)) {
      this.echo.erase(edited, edited.length - count);
    }
    this.input.erase(count);
  }

  #kill(byte: number): void {
    const { settings } = this;
    const visibly = settings.local(Lflag.ECHOK) && settings.local(Lflag.ECHOKE);
    if (!settings.local(Lflag.ECHO) || (visibly && settings.local(Lflag.ECHOE))) {
      this.#erase(this.input.edited.length);
      return;
    }
    this.input.erase(this.input.edited.length);
    this.echo.character(byte);
    if (settings.local(Lflag.ECHOK)) {
      this.echo.newline();
    }
  }

  /** Bytes of the last character. */
  #lastCharacter(end = this.input.edited.length): number {
    const { edited } = this.input;
    let start = end - 1;
    while (this.settings.input(Iflag.IUTF8) && start > 0 && isContinuation(edited[start] ?? 0)) {
      start--;
    }
    return end - Math.max(start, 0);
  }

  /** Bytes of the last word, and of what follows it. */
  #lastWord(): number {
    const { edited } = this.input;
    let start = edited.length;
    let inWord = false;
    while (start > 0) {
      const isPart = isWordByte(edited[start - 1] ?? 0);
      if (inWord && !isPart) {
        break;
      }
      inWord ||= isPart;
      start--;
    }
    return edited.length - start;
  }
}

/** Letters, digits and `_`; Linux counts characters beyond ASCII as such too. */
function isWordByte(byte: number): boolean {
  return byte > SEVEN_BITS || /[A-Za-z0-9_]/.test(String.fromCharCode(byte));
}
