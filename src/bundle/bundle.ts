/**
 * Runs dist/bundle/ringfence.cjs, the one file that all of src/ is built into, from V8's code cache of it where there
 * is one. This file and what it imports are built beside it, and run before it.
 */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import type * as CommandLine from '../cli/command-line.js';
import type * as Library from '../index.js';
import type * as Serving from '../worker/serve.js';
import { readCodeCache, writeCodeCache } from './code-cache.js';

/** What the bundle exports, each evaluated by the first call. */
export interface Exports {
  readonly library: () => typeof Library;
  readonly commandLine: () => typeof CommandLine;
  readonly worker: () => typeof Serving;
}

export interface Bundle {
  readonly exports: Exports;
  /** It was run from the code cache. */
  readonly isCached: boolean;
  /** Writes a code cache of all functions that have run until now. */
  readonly writeCodeCache: () => void;
}

type Wrapper = (
  exports: Exports,
  require: NodeJS.Require,
  module: { exports: Exports },
  filename: string,
  directory: string,
) => void;

/** Runs the bundle in `directory`; `require` is what it loads Node.js's modules and its dependencies by. */
export function loadBundle(directory: string, require: NodeJS.Require): Bundle {
  const filename = join(directory, 'ringfence.cjs');
  // Node.js translates positions by source maps only in what it loads itself.
  if (process.sourceMapsEnabled) return uncached(require(filename) as Exports);
  const cacheFile = join(directory, 'ringfence.code-cache');
  const { source, owner } = readSource(filename);
  const cachedData = readCodeCache(cacheFile, source, owner);
  // The bundle is ASCII. What wraps it takes no line, so that positions are those of the file.
  const script = new Script(
    `(function (exports, require, module, __filename, __dirname) {${source.toString('latin1')}\n})`,
    { filename, ...(cachedData === undefined ? {} : { cachedData }) },
  );
  const module = { exports: {} as Exports };
  (script.runInThisContext() as Wrapper)(module.exports, require, module, filename, directory);
  return {
    exports: module.exports,
    isCached: cachedData !== undefined && script.cachedDataRejected === false,
    writeCodeCache: () => {
      writeCodeCache(cacheFile, source, script.createCachedData());
    },
  };
}

function uncached(exports: Exports): Bundle {
  return { exports, isCached: false, writeCodeCache: () => undefined };
}

function readSource(filename: string): { source: Buffer; owner: number } {
  const fd = openSync(filename, 'r');
  try {
    return { source: readFileSync(fd), owner: fstatSync(fd).uid };
  } finally {
    closeSync(fd);
  }
}
