/** A set of signals 1 to 64, as sigset_t has it: bit n - 1 for signal n. */
export class SignalSet {
  constructor(
    public low = 0,
    public high = 0,
  ) {}

  static of(...signals: number[]): SignalSet {
    const set = new SignalSet();
    for (const signo of signals) set.add(signo);
    return set;
  }

  /** From the eight bytes of a guest's sigset_t. */
  static decode(bytes: Uint8Array, at = 0): SignalSet {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
    return new SignalSet(view.getInt32(0, true), view.getInt32(4, true));
  }

  encode(bytes: Uint8Array, at = 0): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
    view.setInt32(0, this.low, true);
    view.setInt32(4, this.high, true);
  }

  clone(): SignalSet {
    return new SignalSet(this.low, this.high);
  }

  get isEmpty(): boolean {
    return this.low === 0 && this.high === 0;
  }

  has(signo: number): boolean {
    return signo <= 32
      ? (this.low & (1 << (signo - 1))) !== 0
      : (this.high & (1 << (signo - 33))) !== 0;
  }

  add(signo: number): void {
    if (signo <= 32) this.low |= 1 << (signo - 1);
    else this.high |= 1 << (signo - 33);
  }

  remove(signo: number): void {
    if (signo <= 32) this.low &= ~(1 << (signo - 1));
    else this.high &= ~(1 << (signo - 33));
  }

  union(other: SignalSet): SignalSet {
    return new SignalSet(this.low | other.low, this.high | other.high);
  }

  without(other: SignalSet): SignalSet {
    return new SignalSet(this.low & ~other.low, this.high & ~other.high);
  }

  intersects(other: SignalSet): boolean {
    return (this.low & other.low) !== 0 || (this.high & other.high) !== 0;
  }

  /** The lowest signal of this set that `mask` does not hold; 0 where there is none. */
  firstNotIn(mask: SignalSet): number {
    const low = this.low & ~mask.low;
    if (low !== 0) return 32 - Math.clz32(low & -low);
    const high = this.high & ~mask.high;
    return high === 0 ? 0 : 64 - Math.clz32(high & -high);
  }
}
