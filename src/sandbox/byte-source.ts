/** What a user gives a program to read. */

/** Strings are taken as UTF-8. A source that gives something else fails. @throws {TypeError} where there is no source */
export function bytesOf(source: AsyncIterable<unknown>): AsyncIterable<Uint8Array> {
  if (typeof source !== 'object' || !(Symbol.asyncIterator in source)) {
    throw new TypeError('a program reads from an async iterable of bytes, such as a Readable');
  }
  return { [Symbol.asyncIterator]: () => byteIterator(source[Symbol.asyncIterator]()) };
}

/** All of it gives promises, also where `iterator`, a user's own, throws or answers at once. */
function byteIterator(iterator: AsyncIterator<unknown>): AsyncIterator<Uint8Array> {
  return {
    async next() {
      const result = await iterator.next();
      return result.done === true
        ? { done: true, value: undefined }
        : { value: toBytes(result.value) };
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
}

function toBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk);
  throw new TypeError('what a program reads is bytes or strings');
}
