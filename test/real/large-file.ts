/** A large file of text, the same on every machine, kept in .cache. */
import { closeSync, existsSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { cacheFolder } from '../guests/build.js';

const BLOCK = 1 << 20;
const WORDS =
  'the quick brown fox jumps over a lazy dog while seventeen sheep watch it from afar'.split(' ');

/** Lines of words and numbers in an order that xorshift32 (Marsaglia, 2003) gives, about `length` bytes. */
function textBlock(length: number, seed: number): Buffer {
  let state = seed;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  let text = '';
  while (text.length < length) {
    const number = next();
    text += `${WORDS[number % WORDS.length] ?? ''}${number % 7 === 0 ? `${number}\n` : ' '}`;
  }
  return Buffer.from(text.slice(0, length - 1) + '\n');
}

/** Path of a text file of exactly `megabytes` × 10^6 bytes. */
export function largeFile(megabytes: number): string {
  const path = join(cacheFolder('files'), `${megabytes}mb.txt`);
  const size = megabytes * 1_000_000;
  if (existsSync(path) && statSync(path).size === size) return path;
  const unfinished = `${path}.${process.pid}`;
  const descriptor = openSync(unfinished, 'w');
  // Eight blocks in turn are made; compressors look back far less than that.
  const blocks = Array.from({ length: 8 }, (_, i) => textBlock(BLOCK, i + 1));
  for (let written = 0, i = 0; written < size; i++) {
    const block = blocks[i % blocks.length] ?? Buffer.alloc(0);
    written += writeSync(descriptor, block, 0, Math.min(block.length, size - written));
  }
  closeSync(descriptor);
  renameSync(unfinished, path);
  return path;
}
