/**
 * Streams whose other end is on another thread. A port carries chunks of bytes and, at the end, null. It is closed by
 * whoever is done first, which ends the stream on the other side.
 */
import { constants } from 'node:os';
import { Readable, Writable } from 'node:stream';
import type { MessagePort } from 'node:worker_threads';

/** Bytes that a reader asks for at a time. */
const WINDOW = 65536;

type Chunk = Uint8Array<ArrayBuffer> | null;

/** A copy of its own goes: what Node.js has in a pool would go as the whole pool. */
function send(port: MessagePort, bytes: Uint8Array): void {
  const own = new Uint8Array(bytes);
  port.postMessage(own, [own.buffer]);
}

/** What the other side gives, by `sendReadable` there. It is asked for as much as is wanted here. */
export class PortReadable extends Readable {
  /** Bytes that were asked for and have not come: less than none where a chunk was larger. */
  #awaited = 0;

  constructor(readonly port: MessagePort) {
    super();
    let isWhole = false;
    port.on('message', (chunk: Chunk) => {
      this.#awaited -= chunk?.length ?? 0;
      isWhole = chunk === null;
      this.push(chunk && Buffer.from(chunk.buffer));
    });
    port.on('close', () => {
      // What has come by then is still to be read.
      if (!isWhole) this.destroy();
    });
    port.unref();
  }

  override _read(): void {
    if (this.#awaited > 0) return;
    this.port.postMessage(WINDOW - this.#awaited);
    this.#awaited = WINDOW;
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.port.close();
    callback(error);
  }
}

/** Gives what can be read to a PortReadable. */
export function sendReadable(readable: Readable, port: MessagePort): void {
  let wanted = 0;
  const pump = (): void => {
    // Where nothing is left, reading is what makes a stream end.
    while (wanted > 0 || readable.readableLength === 0) {
      const chunk = readable.read() as Buffer | null;
      if (chunk === null) return;
      wanted -= chunk.length;
      send(port, chunk);
    }
  };
  readable.on('readable', pump);
  readable.on('end', () => port.postMessage(null));
  readable.on('close', () => port.close());
  port.on('message', (bytes: number) => {
    wanted += bytes;
    pump();
  });
  port.on('close', () => readable.destroy());
}

/** What the other side takes, by `receiveInto` there, which says of each chunk when it is written. */
export class PortWritable extends Writable {
  #written: ((error?: Error | null) => void) | undefined;

  constructor(readonly port: MessagePort) {
    super();
    port.on('message', (failure: Failure | null) => {
      const written = this.#written;
      this.#written = undefined;
      written?.(failure && writeError(failure));
    });
    port.on('close', () => this.destroy());
    port.unref();
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.#written = callback;
    send(this.port, chunk);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], callback: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), '', callback);
  }

  override _final(callback: () => void): void {
    this.#written = callback;
    this.port.postMessage(null);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.port.close();
    const written = this.#written;
    this.#written = undefined;
    written?.(error ?? writeError(BROKEN));
    callback(error);
  }
}

/** What is known of a failed write. */
interface Failure {
  readonly message: string;
  readonly code: string | undefined;
  readonly errno: number | undefined;
}

const BROKEN: Failure = { message: 'write EPIPE', code: 'EPIPE', errno: -constants.errno.EPIPE };

function writeError({ message, code, errno }: Failure): Error {
  return Object.assign(new Error(message), { errno, code, syscall: 'write' });
}

/** Writes what comes from a PortWritable. */
export function receiveInto(writable: Writable, port: MessagePort): void {
  const done = (error?: NodeJS.ErrnoException | null): void => {
    port.postMessage(error ? failureOf(error) : null);
  };
  port.on('message', (chunk: Chunk) => {
    if (chunk === null) writable.end(done);
    else writable.write(chunk, done);
  });
  port.on('close', () => writable.destroy());
  // Each write has been told of its failure.
  writable.on('error', () => undefined);
  writable.on('close', () => port.close());
}

function failureOf({ message, code, errno }: NodeJS.ErrnoException): Failure {
  return { message, code, errno };
}

/** Gives what a source has, a chunk whenever `receivedFrom` at the other side asks for one. */
export function sendSource(source: AsyncIterable<Uint8Array>, port: MessagePort): void {
  const iterator = source[Symbol.asyncIterator]();
  port.on('message', () => {
    // A source that fails has ended: programs know no error of a pipe.
    iterator.next().then(
      ({ done, value }) => (done === true ? port.postMessage(null) : send(port, value)),
      () => port.postMessage(null),
    );
  });
  port.on('close', () => {
    iterator.return?.().catch(() => undefined);
  });
  port.unref();
}

export function receivedFrom(port: MessagePort): AsyncIterable<Uint8Array> {
  let give: (chunk: Chunk) => void = () => undefined;
  let isClosed = false;
  port.on('message', (chunk: Chunk) => give(chunk));
  port.on('close', () => {
    isClosed = true;
    give(null);
  });
  const next = (): Promise<IteratorResult<Uint8Array>> =>
    new Promise((resolve) => {
      give = (chunk) =>
        resolve(chunk === null ? { done: true, value: undefined } : { value: chunk });
      if (isClosed) give(null);
      else port.postMessage(null);
    });
  const end = (): Promise<IteratorResult<Uint8Array>> => {
    port.close();
    return Promise.resolve({ done: true, value: undefined });
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
}
