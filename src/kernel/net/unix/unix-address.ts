/** struct sockaddr_un, unix(7). */
import { Errno } from '../../abi/errno.js';
import { Af } from '../../abi/socket.js';

const FAMILY_SIZE = 2;
const PATH_SIZE = 108;

/** `unnamed` stands for "give me a name" in bind(2). Abstract names are any bytes, one each character. */
export type UnixAddress =
  | { readonly kind: 'unnamed' }
  | { readonly kind: 'abstract'; readonly name: string }
  | { readonly kind: 'path'; readonly path: string };

/** -EINVAL for an address of another family or length. */
export function parseUnixAddress(address: Buffer): UnixAddress | number {
  const { length } = address;
  if (length < FAMILY_SIZE || length > FAMILY_SIZE + PATH_SIZE) return -Errno.EINVAL;
  if (address.readUInt16LE(0) !== Af.UNIX) return -Errno.EINVAL;
  if (length === FAMILY_SIZE) return { kind: 'unnamed' };
  const text = address.toString('latin1', FAMILY_SIZE);
  if (address[FAMILY_SIZE] === 0) return { kind: 'abstract', name: text.slice(1) };
  const end = text.indexOf('\0');
  return { kind: 'path', path: end < 0 ? text : text.slice(0, end) };
}

/** A path has a NUL behind it, an abstract name one in front. */
export function encodeUnixAddress(address: UnixAddress): Buffer {
  const text =
    address.kind === 'unnamed'
      ? ''
      : address.kind === 'abstract'
        ? `\0${address.name}`
        : `${address.path}\0`;
  const bytes = Buffer.alloc(FAMILY_SIZE + text.length);
  bytes.writeUInt16LE(Af.UNIX, 0);
  bytes.write(text, FAMILY_SIZE, 'latin1');
  return bytes;
}
