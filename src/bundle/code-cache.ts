/**
 * V8's code cache of the bundle: a line that says what it belongs to, then what V8 made. V8 itself takes a cache by
 * its version, its flags and the length of the source, and reads the rest unchecked; so all of that is checked here.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { crc32 } from 'node:zlib';

/** Writable by others than the owner. */
const SHARED = 0o022;
const NEWLINE = 0x0a;

/** What V8 made of `source`, or undefined where `file` is not that of this source, on this Node.js, and whole. */
export function readCodeCache(file: string, source: Buffer, owner: number): Buffer | undefined {
  const contents = readOwned(file, owner);
  if (contents === undefined) return undefined;
  const headerEnd = contents.indexOf(NEWLINE) + 1;
  const payload = contents.subarray(headerEnd);
  const isOurs = contents.toString('latin1', 0, headerEnd) === headerOf(source, payload);
  return isOurs ? payload : undefined;
}

/** Replaces `file` at once, so that a reader finds a whole one or none. */
export function writeCodeCache(file: string, source: Buffer, payload: Buffer): void {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, Buffer.concat([Buffer.from(headerOf(source, payload)), payload]), {
      mode: 0o644,
      flag: 'wx',
    });
    renameSync(draft, file);
  } catch (error) {
    tryUnlink(draft);
    throw error;
  }
}

function headerOf(source: Buffer, payload: Buffer): string {
  const { version, arch } = process;
  const parts = [source, payload].map((part) => `${part.length}:${crc32(part).toString(16)}`);
  return `ringfence code cache, Node.js ${version} ${arch}, ${parts.join(' ')}\n`;
}

/** The contents, unless somebody else may have put them there: code of theirs would run as the user. */
function readOwned(file: string, owner: number): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const status = fstatSync(fd);
    return isTrusted(status, owner) ? readFileSync(fd) : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function isTrusted(status: Stats, owner: number): boolean {
  return status.isFile() && status.uid === owner && (status.mode & SHARED) === 0;
}

function tryUnlink(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // It is not there.
  }
}
