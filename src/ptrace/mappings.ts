/** What is mapped where in an address space: disjoint runs of pages, sorted, each a run of the memory file. */
import type { AccessType } from '../platform/access.js';

export interface Mapping {
  readonly start: number;
  readonly end: number;
  /** Offset in the memory file of what lies at `start`. */
  readonly offset: number;
  readonly access: AccessType;
}

export class Mappings {
  readonly #list: Mapping[] = [];

  /** The mapping that holds `address`. */
  at(address: number): Mapping | undefined {
    const mapping = this.#list[this.#firstEndingBehind(address)];
    return mapping !== undefined && mapping.start <= address ? mapping : undefined;
  }

  /** Adds a mapping in place of what is there. */
  set(mapping: Mapping): void {
    const at = this.#cut(mapping.start, mapping.end);
    const before = this.#list[at - 1];
    const after = this.#list[at];
    const merged = joined(before, joined(mapping, after) ?? mapping) ?? joined(mapping, after);
    const withBefore = joined(before, mapping) !== undefined ? 1 : 0;
    const withAfter = joined(mapping, after) !== undefined ? 1 : 0;
    this.#list.splice(at - withBefore, withBefore + withAfter, merged ?? mapping);
  }

  remove(start: number, end: number): void {
    this.#cut(start, end);
  }

  /** Makes a hole of [start, end); gives the index of the first mapping behind it. */
  #cut(start: number, end: number): number {
    const first = this.#firstEndingBehind(start);
    const rest: Mapping[] = [];
    let index = first;
    let holeAt = first;
    for (; index < this.#list.length; index++) {
      const mapping = this.#list[index] as Mapping;
      if (mapping.start >= end) break;
      if (mapping.start < start) {
        rest.push({ ...mapping, end: start });
        holeAt++;
      }
      if (mapping.end > end) {
        rest.push({ ...mapping, start: end, offset: mapping.offset + end - mapping.start });
      }
    }
    if (index > first) this.#list.splice(first, index - first, ...rest);
    return holeAt;
  }

  #firstEndingBehind(address: number): number {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#list[middle] as Mapping).end <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** One mapping in place of two that continue one another; undefined where they do not. */
function joined(first: Mapping | undefined, second: Mapping | undefined): Mapping | undefined {
  if (first === undefined || second === undefined) return undefined;
  const continues =
    first.end === second.start &&
    first.access === second.access &&
    first.offset + first.end - first.start === second.offset;
  return continues ? { ...first, end: second.end } : undefined;
}
