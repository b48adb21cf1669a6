/** A code cache is code: one that is not known to be V8's of this very bundle must never run. */
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadBundle, type Bundle } from '../../src/bundle/bundle.js';
import { readCodeCache } from '../../src/bundle/code-cache.js';

const require = createRequire(import.meta.url);

let folder: string;
let script: string;
let cache: string;

const bundleThatGives = (answer: number): string =>
  `function library() { return { answer: ${answer} }; }\nexports.library = library;\n`;

const load = (): Bundle => loadBundle(folder, require);
const answerOf = (bundle: Bundle): unknown => ({ ...bundle.exports.library() });

/** Changes the cache's bytes in place. */
function tamper(change: (contents: Buffer) => Buffer): void {
  writeFileSync(cache, change(readFileSync(cache)));
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringfence-'));
  script = join(folder, 'ringfence.cjs');
  cache = join(folder, 'ringfence.code-cache');
  writeFileSync(script, bundleThatGives(1));
  const bundle = load();
  expect(answerOf(bundle)).toEqual({ answer: 1 });
  bundle.writeCodeCache();
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('a code cache', () => {
  it('of the very bundle is used', () => {
    const bundle = load();
    expect(bundle.isCached).toBe(true);
    expect(answerOf(bundle)).toEqual({ answer: 1 });
  });

  it('leaves nothing else behind when it is written', () => {
    expect(readdirSync(folder).sort()).toEqual(['ringfence.cjs', 'ringfence.code-cache']);
    expect(statSync(cache).mode & 0o777).toBe(0o644);
  });

  it('of another bundle of the same length is not', () => {
    writeFileSync(script, bundleThatGives(2));
    const bundle = load();
    expect(bundle.isCached).toBe(false);
    expect(answerOf(bundle)).toEqual({ answer: 2 });
  });

  it.each<[string, (contents: Buffer) => Buffer]>([
    ['that is cut', (contents) => contents.subarray(0, -1)],
    ['that goes on', (contents) => Buffer.concat([contents, Buffer.from([0])])],
    ['that is empty', () => Buffer.alloc(0)],
    ['without what V8 made', (contents) => contents.subarray(0, contents.indexOf(10) + 1)],
    ['without a header', (contents) => contents.subarray(contents.indexOf(10) + 1)],
    ['of zeros', (contents) => Buffer.alloc(contents.length)],
    [
      'with a byte changed',
      (contents) => {
        const at = contents.length - 9;
        contents.writeUInt8(contents.readUInt8(at) ^ 1, at);
        return contents;
      },
    ],
    [
      'of another Node.js',
      (contents) =>
        Buffer.from(contents.toString('latin1').replace(process.version, 'v20.0.0'), 'latin1'),
    ],
  ])('%s is not', (_name, change) => {
    tamper(change);
    const bundle = load();
    expect(bundle.isCached).toBe(false);
    expect(answerOf(bundle)).toEqual({ answer: 1 });
  });

  it.each([0o664, 0o646])('that others may write is not: mode %o', (mode) => {
    chmodSync(cache, mode);
    expect(load().isCached).toBe(false);
  });

  it('behind a symbolic link is not', () => {
    const elsewhere = join(folder, 'elsewhere');
    renameSync(cache, elsewhere);
    symlinkSync(elsewhere, cache);
    expect(load().isCached).toBe(false);
  });

  it("that is not the owner's of the bundle is not", () => {
    const source = readFileSync(script);
    const owner = statSync(script).uid;
    expect(readCodeCache(cache, source, owner)).toBeDefined();
    expect(readCodeCache(cache, source, owner + 1)).toBeUndefined();
  });

  it('that is not there changes nothing', () => {
    rmSync(cache);
    expect(answerOf(load())).toEqual({ answer: 1 });
  });
});
