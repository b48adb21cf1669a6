/** Tables that several threads or processes use at once. */
import { describe, expect, it } from 'vitest';
import { CaptureFile } from '../../../src/kernel/fs/capture-file.js';
import { FdTable } from '../../../src/kernel/fs/fd-table.js';

function closingFile(): { readonly file: CaptureFile; closed: () => number } {
  let closed = 0;
  const file = new CaptureFile(
    () => undefined,
    () => closed++,
  );
  return { file, closed: () => closed };
}

describe('a descriptor table', () => {
  it('closes its files with its last user, not before', () => {
    const { file, closed } = closingFile();
    const table = new FdTable();
    table.allocate(file);
    const other = table.share();
    expect(other).toBe(table);
    expect(table.isShared).toBe(true);
    table.release();
    expect(closed()).toBe(0);
    expect(other.get(0)).toBe(file);
    other.release();
    expect(closed()).toBe(1);
  });

  it('keeps the file of a copy open when the original ends', () => {
    const { file, closed } = closingFile();
    const table = new FdTable();
    table.allocate(file);
    const copy = table.clone();
    table.release();
    expect(closed()).toBe(0);
    copy?.release();
    expect(closed()).toBe(1);
  });
});
