/** What is mapped where in an address space: disjoint runs of pages, sorted, each a run of one source's bytes. */
import { Access, type AccessType } from './access.js';

export interface Mapping<Source> {
  readonly start: number;
  readonly end: number;
  /** Where the bytes come from: the memory, or a host file. */
  readonly source: Source;
  /** Offset in the source of what lies at `start`. */
  readonly offset: number;
  readonly access: AccessType;
}

/** Whether what is mapped for `mapped` may be accessed so; what is mapped at all can be read. */
export function permits(mapped: AccessType, access: AccessType): boolean {
  return ((mapped | Access.Read) & access) !== 0;
}

export class Mappings<Source> {
  readonly #list: Mapping<Source>[] = [];

  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  [Symbol.iterator](): Iterator<Mapping<Source>> {
    return this.#list[Symbol.iterator]();
  }

  /** The mapping that holds `address`. */
  at(address: number): Mapping<Source> | undefined {
    const mapping = this.#list[this.#firstEndingBehind(address)];
    return mapping !== undefined && mapping.start <= address ? mapping : undefined;
  }

  /** Adds a mapping in place of what is there; gives what that was, cut to the same addresses. */
  set(mapping: Mapping<Source>): Mapping<Source>[] {
    const { at, removed } = this.#cut(mapping.start, mapping.end);
    const before = this.#list[at - 1];
    const after = this.#list[at];
    const withAfter = joined(mapping, after);
    const whole = joined(before, withAfter ?? mapping);
    const first = whole === undefined ? at : at - 1;
    const replaced = (whole === undefined ? 0 : 1) + (withAfter === undefined ? 0 : 1);
    this.#list.splice(first, replaced, whole ?? withAfter ?? mapping);
    return removed;
  }

  /** Removes what is in [start, end); gives what that was. */
  remove(start: number, end: number): Mapping<Source>[] {
    return this.#cut(start, end).removed;
  }

  /** Makes a hole of [start, end); gives the index of the first mapping behind it, and what was in it. */
  #cut(start: number, end: number): { at: number; removed: Mapping<Source>[] } {
    const first = this.#firstEndingBehind(start);
    const rest: Mapping<Source>[] = [];
    const removed: Mapping<Source>[] = [];
    let index = first;
    let at = first;
    for (; index < this.#list.length; index++) {
      const mapping = this.#list[index] as Mapping<Source>;
      if (mapping.start >= end) break;
      if (mapping.start < start) {
        rest.push({ ...mapping, end: start });
        at++;
      }
      if (mapping.end > end) rest.push(from(mapping, end));
      const last = Math.min(mapping.end, end);
      removed.push({ ...from(mapping, Math.max(mapping.start, start)), end: last });
    }
    if (index > first) this.#list.splice(first, index - first, ...rest);
    return { at, removed };
  }

  #firstEndingBehind(address: number): number {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#list[middle] as Mapping<Source>).end <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The part of `mapping` that begins at `start`, which lies in it. */
function from<Source>(mapping: Mapping<Source>, start: number): Mapping<Source> {
  return { ...mapping, start, offset: mapping.offset + start - mapping.start };
}

/** One mapping in place of two that continue one another; undefined where they do not. */
function joined<Source>(
  first: Mapping<Source> | undefined,
  second: Mapping<Source> | undefined,
): Mapping<Source> | undefined {
  if (first === undefined || second === undefined) return undefined;
  const continues =
    first.end === second.start &&
    first.source === second.source &&
    first.access === second.access &&
    first.offset + first.end - first.start === second.offset;
  return continues ? { ...first, end: second.end } : undefined;
}
