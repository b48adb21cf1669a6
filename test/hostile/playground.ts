/** The host folders that hostile guests get, and the canaries around them that they must not reach. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bind } from '../../src/index.js';

/** As hostile.c has it. */
const THREADS = 4;
const CANARY = 'left alone';

export class Playground implements Disposable {
  /** Canaries, and the bound folders between them. */
  readonly path = mkdtempSync(join(tmpdir(), 'ringfence-hostile-'));
  /** Bound read-write. */
  readonly scratch = join(this.path, 'scratch');
  /** Bound read-only. */
  readonly readOnly = join(this.path, 'read-only');

  constructor() {
    mkdirSync(join(this.path, 'beside/deep'), { recursive: true });
    for (const name of ['canary', 'beside/file', 'beside/deep/file']) {
      writeFileSync(join(this.path, name), CANARY);
    }
    mkdirSync(join(this.readOnly, 'd'), { recursive: true });
    writeFileSync(join(this.readOnly, 'file'), CANARY);
    symlinkSync(this.path, join(this.readOnly, 'out'));
    mkdirSync(this.scratch);
  }

  /** Empties the scratch folder, and puts into it what leads out where it is followed by the host. */
  refill(): void {
    // By programs of the host: names that are no UTF-8 have no equal in strings.
    execFileSync('find', [this.scratch, '-mindepth', '1', '-delete']);
    mkdirSync(join(this.scratch, 'd/e'), { recursive: true });
    symlinkSync(this.path, join(this.scratch, 'out'));
    symlinkSync('..', join(this.scratch, 'up'));
  }

  /** Number of calls that the threads of the last program have made; it starts anew. */
  takeCount(): number {
    const counters = join(this.scratch, 'made');
    if (!existsSync(counters)) return 0;
    const bytes = readFileSync(counters).subarray(0, THREADS * 8);
    rmSync(counters);
    return bytes.length < THREADS * 8
      ? 0
      : Array.from({ length: THREADS }, (_, i) => Number(bytes.readBigUInt64LE(i * 8))).reduce(
          (sum, count) => sum + count,
        );
  }

  get binds(): readonly Bind[] {
    return [
      { host: this.scratch, guest: '/scratch' },
      { host: this.readOnly, guest: '/ro', readOnly: true },
    ];
  }

  [Symbol.dispose](): void {
    execFileSync('rm', ['-rf', this.path]);
  }
}
