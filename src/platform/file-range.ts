export const PAGE_SIZE = 4096;

/** Byte offsets [start, end) of a file. */
export interface FileRange {
  readonly start: number;
  readonly end: number;
}

export function isPageAligned(value: number): boolean {
  return value % PAGE_SIZE === 0;
}

/** `value` rounded down to a page boundary. Exact for every safe integer. */
export function pageRoundDown(value: number): number {
  return value - (value % PAGE_SIZE);
}

/** `value` rounded up to a page boundary. Exact for every safe integer. */
export function pageRoundUp(value: number): number {
  return pageRoundDown(value + PAGE_SIZE - 1);
}

export function formatRange(range: FileRange): string {
  return `[0x${range.start.toString(16)}, 0x${range.end.toString(16)})`;
}
