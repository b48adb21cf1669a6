/**
 * Disjoint ranges of a file, merged where they touch: what is free of it. A treap ordered by offset, in which
 * each node knows the longest range below it, so that the lowest fit is found in logarithmic time however
 * scattered the ranges are (Seidel and Aragon, "Randomized Search Trees", 1996).
 */
import type { FileRange } from '../platform/file-range.js';

class Extent {
  start: number;
  end: number;
  /** No child has a higher one. */
  readonly priority = Math.random();
  left: Tree;
  right: Tree;
  /** Most bytes in one range, of this and those below it. */
  longest = 0;
  /** The same, counted from the first multiple of the set's alignment. */
  longestAligned = 0;

  constructor(start: number, end: number) {
    this.start = start;
    this.end = end;
  }
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
    const before = lastBelow(this.#root, start);
    const after = firstAbove(this.#root, start);
    const from = before?.end === start ? before.start : start;
    const to = after?.start === end ? after.end : end;
    if (from < start && end < to) this.#remove(end);
    if (from < start) this.#resize(this.#root, from, from, to);
    else if (end < to) this.#resize(this.#root, end, start, to);
    else this.#insert(start, end);
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

  #carve({ start: from, end: to }: Extent, start: number, length: number): number {
    const end = start + length;
    this.#total -= length;
    if (from < start) {
      this.#resize(this.#root, from, from, start);
      if (end < to) this.#insert(end, to);
    } else if (end < to) {
      this.#resize(this.#root, from, end, to);
    } else {
      this.#remove(from);
    }
    return start;
  }

  #aligned(offset: number): number {
    return Math.ceil(offset / this.#alignment) * this.#alignment;
  }

  #insert(start: number, end: number): void {
    const [below, above] = this.#split(this.#root, start);
    this.#root = this.#join(this.#join(below, this.#measure(new Extent(start, end))), above);
  }

  #remove(start: number): void {
    const [below, rest] = this.#split(this.#root, start);
    const [, above] = this.#split(rest, start + 1);
    this.#root = this.#join(below, above);
  }

  /** Gives the extent that begins at `key` bounds that keep it between its neighbours. */
  #resize(tree: Tree, key: number, start: number, end: number): void {
    if (tree === undefined) return;
    if (tree.start === key) {
      tree.start = start;
      tree.end = end;
    } else {
      this.#resize(key < tree.start ? tree.left : tree.right, key, start, end);
    }
    this.#measure(tree);
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

/** The last extent that begins below `offset`. */
function lastBelow(tree: Tree, offset: number): Tree {
  let found: Tree;
  while (tree !== undefined) {
    if (tree.start < offset) found = tree;
    tree = tree.start < offset ? tree.right : tree.left;
  }
  return found;
}

/** The first extent that begins above `offset`. */
function firstAbove(tree: Tree, offset: number): Tree {
  let found: Tree;
  while (tree !== undefined) {
    if (tree.start > offset) found = tree;
    tree = tree.start > offset ? tree.left : tree.right;
  }
  return found;
}

function visit(tree: Tree, each: (range: FileRange) => void): void {
  if (tree === undefined) return;
  visit(tree.left, each);
  each({ start: tree.start, end: tree.end });
  visit(tree.right, each);
}
