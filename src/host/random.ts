/** Random numbers of the host's kernel, by getrandom(2): Node.js's own module for them takes milliseconds to load. */
import { native } from './native.js';

interface HostRandom {
  readonly fillRandom: (out: Uint8Array) => void;
}

const { fillRandom } = native as unknown as HostRandom;
const words = new Uint32Array(2);
const bytesOfWords = new Uint8Array(words.buffer);

export { fillRandom };

export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  fillRandom(bytes);
  return bytes;
}

/** An integer of [0, limit), for limits far below 2^53: what one is likelier than another by is `limit` / 2^53. */
export function randomInt(limit: number): number {
  fillRandom(bytesOfWords);
  const [low = 0, high = 0] = words;
  return ((high % 2 ** 21) * 2 ** 32 + low) % limit;
}

/** RFC 9562, section 5.4. */
export function randomUuid(): string {
  const bytes = randomBytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const text = Buffer.from(bytes).toString('hex');
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
