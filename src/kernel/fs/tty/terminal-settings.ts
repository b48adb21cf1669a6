/** struct termios of the kernel, and what a new terminal starts with (termios(3)). */
import { Iflag, Lflag, Oflag, TERMIOS2_SIZE, TERMIOS_SIZE } from '../../abi/termios.js';

const CC_OFFSET = 17;
const CC_COUNT = 19;
const SPEED_OFFSET = 36;
/** B38400 | CS8 | CREAD */
const CFLAG = 0o17 | 0o60 | 0o200;
const SPEED = 38400;
/** ^C ^\ DEL ^U ^D, TIME, MIN, SWTC, ^Q ^S ^Z, EOL, ^R ^O ^W ^V, EOL2. */
const CONTROL_CHARACTERS = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0];

export class TerminalSettings {
  iflag: number = Iflag.ICRNL | Iflag.IXON;
  oflag: number = Oflag.OPOST | Oflag.ONLCR;
  cflag = CFLAG;
  lflag: number =
    Lflag.ISIG |
    Lflag.ICANON |
    Lflag.ECHO |
    Lflag.ECHOE |
    Lflag.ECHOK |
    Lflag.ECHOCTL |
    Lflag.ECHOKE |
    Lflag.IEXTEN;
  line = 0;
  readonly cc = new Uint8Array(CC_COUNT);
  inputSpeed = SPEED;
  outputSpeed = SPEED;

  constructor() {
    this.cc.set(CONTROL_CHARACTERS);
  }

  /** struct termios; with the speeds struct termios2. */
  encode(withSpeeds: boolean): Buffer {
    const bytes = Buffer.alloc(withSpeeds ? TERMIOS2_SIZE : TERMIOS_SIZE);
    bytes.writeUInt32LE(this.iflag, 0);
    bytes.writeUInt32LE(this.oflag, 4);
    bytes.writeUInt32LE(this.cflag, 8);
    bytes.writeUInt32LE(this.lflag, 12);
    bytes.writeUInt8(this.line, 16);
    bytes.set(this.cc, CC_OFFSET);
    if (withSpeeds) {
      bytes.writeUInt32LE(this.inputSpeed, SPEED_OFFSET);
      bytes.writeUInt32LE(this.outputSpeed, SPEED_OFFSET + 4);
    }
    return bytes;
  }

  decode(bytes: Buffer): void {
    this.iflag = bytes.readUInt32LE(0);
    this.oflag = bytes.readUInt32LE(4);
    this.cflag = bytes.readUInt32LE(8);
    this.lflag = bytes.readUInt32LE(12);
    this.line = bytes.readUInt8(16);
    this.cc.set(bytes.subarray(CC_OFFSET, CC_OFFSET + CC_COUNT));
    if (bytes.length >= TERMIOS2_SIZE) {
      this.inputSpeed = bytes.readUInt32LE(SPEED_OFFSET);
      this.outputSpeed = bytes.readUInt32LE(SPEED_OFFSET + 4);
    }
  }

  input(flag: number): boolean {
    return (this.iflag & flag) !== 0;
  }

  output(flag: number): boolean {
    return (this.oflag & flag) !== 0;
  }

  local(flag: number): boolean {
    return (this.lflag & flag) !== 0;
  }

  /** Whether `byte` is that control character, and the character is in use at all. */
  is(index: number, byte: number): boolean {
    return byte !== 0 && this.cc[index] === byte;
  }
}
