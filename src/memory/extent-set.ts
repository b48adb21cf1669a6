/**
 * Disjoint ranges of a file, merged where they touch: what is free of it. A treap ordered by offset, in which
 * each node knows the longest range below it, so that the lowest fit is found in logarithmic time however
 * scattered the ranges are (Seidel and Aragon, "Randomized Search Trees", 1996).
 */
import type { FileRange } from '../platform/file-range.js';

interface Extent extends FileRange {
  /** No child has a higher one. */
  readonly priority: number;
  left: Extent | undefined;
  right: Extent | undefined;
  /** Most bytes in one range, of this and those below it. */
  longest: number;
  /** The same, counted from the first multiple of the set's alignment. */
  longestAligned: number;
}

type Tree = Extent | undefined;

export class ExtentSet {
  #root: Tree;
  #total = 0;
  readonly #alignment: number;

  /** `alignment`: what `takeAligned` aligns to. */
  constructor(alignment: number) {
    this.#alignment = alignment;
  }

  /** Bytes in it. */
  get total(): number {
    return this.#total;
  }

  /** Adds a range that overlaps none in it. */
  add(start: number, end: number): void {
    this.#total += end - start;
    let [below, above] = this.#split(this.#root, start);
    const before = last(below);
    if (before?.end === start) [below] = this.#split(below, before.start);
    const after = first(above);
    if (after?.start === end) [, above] = this.#split(above, end + 1);
    const merged = this.#leaf(
      before?.end === start ? before.start : start,
      after?.start === end ? after.end : end,
    );
    this.#root = this.#join(this.#join(below, merged), above);
  }

  /** Takes `length` bytes, the lowest that fit; -1 where none do. */
  take(length: number): number {
    let extent: Tree = this.#root;
    while (extent !== undefined) {
      if ((extent.left?.longest ?? 0) >= length) extent = extent.left;
      else if (extent.end - extent.start < length) extent = extent.right;
      else return this.#carve(extent, extent.start, length);
    }
    return -1;
  }

  /** The same at a multiple of the set's alignment. */
  takeAligned(length: number): number {
    let extent: Tree = this.#root;
    while (extent !== undefined) {
      const aligned = this.#aligned(extent.start);
      if ((extent.left?.longestAligned ?? 0) >= length) extent = extent.left;
      else if (extent.end - aligned < length) extent = extent.right;
      else return this.#carve(extent, aligned, length);
    }
    return -1;
  }

  /** Empties the set into `each`, from the lowest. */
  drain(each: (range: FileRange) => void): void {
    const root = this.#root;
    this.#root = undefined;
    this.#total = 0;
    visit(root, each);
  }

  #carve(extent: Extent, start: number, length: number): number {
    this.#total -= length;
    const end = start + length;
    const [below, rest] = this.#split(this.#root, extent.start);
    const [, above] = this.#split(rest, extent.start + 1);
    const head = extent.start < start ? this.#leaf(extent.start, start) : undefined;
    const tail = end < extent.end ? this.#leaf(end, extent.end) : undefined;
    this.#root = this.#join(this.#join(below, head), this.#join(tail, above));
    return start;
  }

  #aligned(offset: number): number {
    return Math.ceil(offset / this.#alignment) * this.#alignment;
  }

  #leaf(start: number, end: number): Extent {
    const priority = Math.random();
    const [left, right] = [undefined, undefined];
    return this.#measure({ start, end, priority, left, right, longest: 0, longestAligned: 0 });
  }

  #measure(extent: Extent): Extent {
    const { start, end, left, right } = extent;
    const aligned = end - this.#aligned(start);
    extent.longest = Math.max(end - start, left?.longest ?? 0, right?.longest ?? 0);
    extent.longestAligned = Math.max(
      aligned,
      left?.longestAligned ?? 0,
      right?.longestAligned ?? 0,
    );
    return extent;
  }

  /** What starts below `offset`, and the rest. */
  #split(tree: Tree, offset: number): [Tree, Tree] {
    if (tree === undefined) return [undefined, undefined];
    if (tree.start < offset) {
      const [low, high] = this.#split(tree.right, offset);
      tree.right = low;
      return [this.#measure(tree), high];
    }
    const [low, high] = this.#split(tree.left, offset);
    tree.left = high;
    return [low, this.#measure(tree)];
  }

  /** Joins two trees of which the first lies below the second. */
  #join(low: Tree, high: Tree): Tree {
    if (low === undefined || high === undefined) return low ?? high;
    if (low.priority > high.priority) {
      low.right = this.#join(low.right, high);
      return this.#measure(low);
    }
    high.left = this.#join(low, high.left);
    return this.#measure(high);
  }
}

function first(tree: Tree): Tree {
  while (tree?.left !== undefined) tree = tree.left;
  return tree;
}

function last(tree: Tree): Tree {
  while (tree?.right !== undefined) tree = tree.right;
  return tree;
}

function visit(tree: Tree, each: (range: FileRange) => void): void {
  if (tree === undefined) return;
  visit(tree.left, each);
  each({ start: tree.start, end: tree.end });
  visit(tree.right, each);
}
