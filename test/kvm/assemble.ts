/** Machine code for guests that are no programs: GNU assembler text to bytes, kept by its hash. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../guests/build.js';

/** Position-independent code of AT&T syntax. */
export function assemble(source: string): Uint8Array {
  const hash = createHash('sha256').update(source).digest('hex').slice(0, 24);
  const binary = join(cacheFolder('code'), hash);
  if (!existsSync(binary)) {
    const unfinished = `${binary}.${process.pid}`;
    execFileSync('gcc', ['-c', '-x', 'assembler', '-', '-o', `${unfinished}.o`], {
      input: source,
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    execFileSync('objcopy', ['-O', 'binary', '-j', '.text', `${unfinished}.o`, unfinished]);
    renameSync(unfinished, binary);
  }
  return readFileSync(binary);
}
