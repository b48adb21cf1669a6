/** A pseudo-terminal, pty(7): what its two ends share. */
import { encodeDevice } from '../../abi/stat.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../../abi/poll.js';
import { Signo } from '../../abi/signal.js';
import { Cc, Iflag, Lflag, Packet, WINSIZE_SIZE } from '../../abi/termios.js';
import type { Kernel } from '../../kernel.js';
import { ByteRing } from '../byte-ring.js';
import type { Location } from '../location.js';
import type { OpenFile } from '../open-file.js';
import { WaitQueue } from '../wait-queue.js';
import { LineDiscipline } from './line-discipline.js';
import { LineEcho } from './line-echo.js';
import { MAX_EXPANSION, OutputProcessing } from './output-processing.js';
import { TerminalSettings } from './terminal-settings.js';
import { Tty } from './tty.js';

/** Bytes on their way in each direction, before whoever writes has to wait. */
const BUFFER_SIZE = 8192;
/** Room for echoes when output fills its share. */
const ECHO_SIZE = 4096;
const EVERYTHING = POLL_READABLE | POLL_WRITABLE | Poll.HUP | Poll.ERR | Poll.PRI;
/** ^S and ^Q. */
const [STOP_KEY, START_KEY] = [19, 17];
/** Bytes typed that are looked at in one go. */
const CHUNK = 256;

/** Majors 136 to 143 with 256 minors each. */
const FIRST_MAJOR = 136;
const MINORS = 256;

export class PseudoTerminal extends Tty {
  readonly settings = new TerminalSettings();
  readonly #processing = new OutputProcessing(this.settings);
  readonly discipline: LineDiscipline;
  /** struct winsize */
  readonly windowSize = Buffer.alloc(WINSIZE_SIZE);
  readonly masterQueue = new WaitQueue();
  readonly slaveQueue = new WaitQueue();
  /** What the slave end wrote, and echoes. */
  readonly output = new ByteRing(BUFFER_SIZE + ECHO_SIZE);
  /** What was typed and the discipline had no room for. */
  readonly #typed = new ByteRing(BUFFER_SIZE);
  readonly #chunk = new Uint8Array(CHUNK);
  readonly #expanded = new Uint8Array(CHUNK * MAX_EXPANSION);
  /** TIOCSPTLCK: the slave cannot be opened yet. */
  locked = true;
  /** TIOCEXCL: nobody may open it any more. */
  exclusive = false;
  /** Output is stopped by ^S. */
  stopped = false;
  /** TIOCPKT: reads at the master begin with a byte that says what happened. */
  packetMode = false;
  packetStatus = 0;
  masterOpen = true;
  slaves = 0;
  #slaveWasOpen = false;

  constructor(
    kernel: Kernel,
    /** N of /dev/pts/N. */
    readonly index: number,
    /** Opens the slave end, at its own place if no other is given. */
    readonly openSlave: (
      terminal: PseudoTerminal,
      flags: number,
      location?: Location,
    ) => OpenFile | number,
  ) {
    super(kernel);
    const echo = new LineEcho(this.#processing, (bytes) => {
      this.#show(bytes);
    });
    this.discipline = new LineDiscipline(this.settings, echo, {
      onSignal: (signo, flush) => {
        this.#onSignalKey(signo, flush);
      },
      onFlow: (stopped) => {
        this.flow(stopped);
      },
    });
  }

  override get device(): number {
    return encodeDevice(FIRST_MAJOR + Math.floor(this.index / MINORS), this.index % MINORS);
  }

  override reopen(flags: number, location: Location): OpenFile | number {
    return this.openSlave(this, flags, location);
  }

  /** The slave end was open, and is no more: reads at the master give EIO. */
  get slaveIsGone(): boolean {
    return this.#slaveWasOpen && this.slaves === 0;
  }

  slaveOpened(): void {
    this.slaves++;
    this.#slaveWasOpen = true;
  }

  slaveClosed(): void {
    this.slaves--;
    if (this.slaves === 0) {
      this.masterQueue.wake(EVERYTHING);
    }
  }

  masterClosed(): void {
    this.masterOpen = false;
    this.hangUp();
    this.slaveQueue.wake(EVERYTHING);
  }

  /** Bytes that can be typed now. */
  get typingRoom(): number {
    return this.#typed.free;
  }

  /** Bytes typed at the master; gives how many were taken. */
  type(bytes: Uint8Array): number {
    const count = this.#typed.put(bytes);
    this.pump();
    return count;
  }

  /** Hands what was typed to the discipline, as far as it takes it. */
  pump(): void {
    const before = this.#typed.length;
    while (this.#typed.length > 0 && this.discipline.canTake()) {
      const count = this.#typed.peek(this.#chunk);
      let taken = 0;
      while (taken < count && this.discipline.canTake()) {
        this.discipline.receive(this.#chunk[taken] ?? 0);
        taken++;
      }
      this.#typed.drop(taken);
    }
    if (this.#typed.length < before) {
      this.slaveQueue.wake(POLL_READABLE);
      this.masterQueue.wake(POLL_WRITABLE);
    }
  }

  /** Room for what the slave end writes; none while output is stopped. */
  get outputRoom(): number {
    return this.stopped ? 0 : Math.max(0, BUFFER_SIZE - this.output.length);
  }

  /** Bytes written at the slave, as the settings process them; gives how many were taken. */
  print(bytes: Uint8Array): number {
    let done = 0;
    while (done < bytes.length && this.outputRoom >= MAX_EXPANSION) {
      const most = Math.min(CHUNK, Math.floor(this.outputRoom / MAX_EXPANSION));
      const part = bytes.subarray(done, done + most);
      let end = 0;
      for (const byte of part) {
        end = this.#processing.put(byte, this.#expanded, end);
      }
      this.output.put(this.#expanded.subarray(0, end));
      done += part.length;
    }
    if (done > 0) {
      this.masterQueue.wake(POLL_READABLE);
    }
    return done;
  }

  #show(bytes: Uint8Array): void {
    this.output.put(bytes);
    this.masterQueue.wake(POLL_READABLE);
  }

  #onSignalKey(signo: number, flush: boolean): void {
    if (flush) {
      this.flushOutput();
    }
    this.signalForeground(signo);
    if (this.settings.input(Iflag.IXON)) {
      this.flow(false);
    }
  }

  /** Stops output, or lets it go on. */
  flow(stopped: boolean): void {
    if (this.stopped === stopped) {
      return;
    }
    this.stopped = stopped;
    this.tellPacket(stopped ? Packet.STOP : Packet.START, stopped ? Packet.START : Packet.STOP);
    if (!stopped) {
      this.slaveQueue.wake(POLL_WRITABLE);
    }
  }

  flushInput(): void {
    this.discipline.input.clear();
    this.#typed.clear();
    this.tellPacket(Packet.FLUSHREAD);
    this.masterQueue.wake(POLL_WRITABLE);
  }

  flushOutput(): void {
    this.output.clear();
    this.tellPacket(Packet.FLUSHWRITE);
    this.slaveQueue.wake(POLL_WRITABLE);
  }

  /** In packet mode the master is told of what happened. */
  tellPacket(status: number, instead = 0): void {
    if (this.packetMode) {
      this.packetStatus = (this.packetStatus & ~instead) | status;
      this.masterQueue.wake(POLL_READABLE | Poll.PRI);
    }
  }

  /** TCSETS and its kin. */
  applySettings(bytes: Buffer): void {
    const { settings, discipline } = this;
    const wasCanonical = discipline.canonical;
    const hadFlowKeys = this.#flowKeysAreUsual();
    const before = settings.lflag;
    settings.decode(bytes);
    // The bytes of a pseudo-terminal have eight bits and no parity.
    settings.cflag = (settings.cflag & ~CSIZE_AND_PARITY) | EIGHT_BITS_AND_READ;
    if (wasCanonical !== discipline.canonical) {
      if (wasCanonical) {
        discipline.input.forgetLines();
      } else {
        discipline.input.makeLine();
      }
    }
    if (!settings.input(Iflag.IXON)) {
      this.flow(false);
    }
    if (hadFlowKeys !== this.#flowKeysAreUsual()) {
      const [status, instead] = hadFlowKeys
        ? [Packet.NOSTOP, Packet.DOSTOP]
        : [Packet.DOSTOP, Packet.NOSTOP];
      this.tellPacket(status, instead);
    }
    if ((before | settings.lflag) & Lflag.EXTPROC) {
      this.tellPacket(Packet.IOCTL);
    }
    this.pump();
    this.slaveQueue.wake(POLL_READABLE);
  }

  #flowKeysAreUsual(): boolean {
    const { cc } = this.settings;
    const usual = cc[Cc.VSTOP] === STOP_KEY && cc[Cc.VSTART] === START_KEY;
    return usual && this.settings.input(Iflag.IXON);
  }

  /** TIOCSWINSZ: the foreground group is told of another size. */
  resize(size: Buffer): void {
    if (!this.windowSize.equals(size)) {
      size.copy(this.windowSize);
      this.signalForeground(Signo.SIGWINCH);
    }
  }
}

/** CSIZE | PARENB, and CS8 | CREAD. */
const CSIZE_AND_PARITY = 0o60 | 0o400;
const EIGHT_BITS_AND_READ = 0o60 | 0o200;
