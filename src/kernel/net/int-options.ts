/** Socket options that are one int: kept as they are set, and given back. */
import { Errno } from '../abi/errno.js';

export interface IntOption {
  readonly initial: number;
  /** Every value but 0 is 1. */
  readonly isFlag?: true;
  /** Values beyond are -EINVAL. */
  readonly min?: number;
  readonly max?: number;
  /** -ENOPROTOOPT where it is set. */
  readonly readOnly?: true;
}

export type IntOptionTable = ReadonlyMap<number, IntOption>;

const INT_SIZE = 4;

export function intValue(value: number): Buffer {
  const bytes = Buffer.alloc(INT_SIZE);
  bytes.writeInt32LE(value);
  return bytes;
}

export class IntOptions {
  readonly #values = new Map<number, number>();

  constructor(readonly table: IntOptionTable) {}

  /** `undefined` for an option that is not of this table. */
  get(name: number): number | undefined {
    return this.#values.get(name) ?? this.table.get(name)?.initial;
  }

  isOn(name: number): boolean {
    return (this.get(name) ?? 0) !== 0;
  }

  /** 0 or -errno; `undefined` for an option that is not of this table. */
  set(name: number, value: number): number | undefined {
    const option = this.table.get(name);
    if (option === undefined) return undefined;
    if (option.readOnly) return -Errno.ENOPROTOOPT;
    if (value < (option.min ?? -Infinity) || value > (option.max ?? Infinity)) {
      return -Errno.EINVAL;
    }
    this.#values.set(name, option.isFlag ? Number(value !== 0) : value);
    return 0;
  }

  /** Takes over what another socket has set: accept(2). */
  inherit(from: IntOptions): void {
    for (const [name, value] of from.#values) this.#values.set(name, value);
  }
}
