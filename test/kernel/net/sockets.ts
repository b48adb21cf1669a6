/** Socket calls on a task without a processor. */
import { type Guest, MEMORY_START } from '../fs/guest.js';

export const AF_UNIX = 1;
export const AF_INET = 2;
export const STREAM = 1;
export const DATAGRAM = 2;

/** struct sockaddr_in. */
export function inet(port: number, address = '127.0.0.1'): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address.split('.').map(Number), 4);
  return bytes;
}

/** struct sockaddr_un of an abstract name. */
export function abstractName(name: string): Buffer {
  return Buffer.concat([Buffer.from([AF_UNIX, 0, 0]), Buffer.from(name, 'latin1')]);
}

export function portOf(guest: Guest, fd: number): number {
  guest.ok('getsockname', fd, MEMORY_START, guest.put(Buffer.from([28, 0, 0, 0])));
  return guest.get(MEMORY_START, 4).readUInt16BE(2);
}

export function pairOf(guest: Guest, type = STREAM): [number, number] {
  guest.ok('socketpair', AF_UNIX, type, 0, MEMORY_START);
  const bytes = guest.get(MEMORY_START, 8);
  return [bytes.readInt32LE(0), bytes.readInt32LE(4)];
}

/** A listening TCP socket, and its port. */
export function listening(guest: Guest): { fd: number; port: number } {
  const fd = guest.ok('socket', AF_INET, STREAM, 0);
  guest.ok('bind', fd, inet(0), 16);
  guest.ok('listen', fd, 5);
  return { fd, port: portOf(guest, fd) };
}

/** struct msghdr with one buffer and one control message of descriptors. */
export function messageWithFiles(guest: Guest, text: string, files: readonly number[]): number {
  const control = Buffer.alloc(16 + Math.ceil((files.length * 4) / 8) * 8);
  control.writeBigUInt64LE(BigInt(16 + files.length * 4), 0);
  control.writeInt32LE(1, 8);
  control.writeInt32LE(1, 12);
  for (const [at, fd] of files.entries()) control.writeInt32LE(fd, 16 + at * 4);
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(BigInt(guest.put(Buffer.from(text))), 0);
  vector.writeBigUInt64LE(BigInt(text.length), 8);
  const header = Buffer.alloc(56);
  header.writeBigUInt64LE(BigInt(guest.put(vector)), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(BigInt(guest.put(control)), 32);
  header.writeBigUInt64LE(BigInt(control.length), 40);
  return guest.put(header);
}

export async function receiveText(guest: Guest, fd: number, length = 1000): Promise<string> {
  const count = await guest.async('recvfrom', fd, MEMORY_START, length, 0, 0, 0);
  if (count < 0) throw new Error(`errno ${String(-count)}`);
  return guest.get(MEMORY_START, count).toString('latin1');
}

export async function sendText(guest: Guest, fd: number, text: string): Promise<number> {
  return guest.async('sendto', fd, guest.put(Buffer.from(text, 'latin1')), text.length, 0, 0, 0);
}
