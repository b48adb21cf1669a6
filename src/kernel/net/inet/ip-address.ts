/**
 * Addresses of the internet protocols, all in the form of IPv6: those of IPv4 are mapped (RFC 4291, 2.5.5.2). An
 * address is its 16 bytes in hexadecimal, so that two are the same if they are equal.
 */
import { Errno } from '../../abi/errno.js';
import { Af } from '../../abi/socket.js';

export type IpAddress = string;

/** An address and a port. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

const MAPPED = '00000000000000000000ffff';
export const ANY_4: IpAddress = `${MAPPED}00000000`;
export const ANY_6: IpAddress = '0'.repeat(32);
export const LOOPBACK_4: IpAddress = `${MAPPED}7f000001`;
export const LOOPBACK_6: IpAddress = `${'0'.repeat(31)}1`;
const BROADCAST: IpAddress = `${MAPPED}ffffffff`;

const SOCKADDR_IN = 16;
const SOCKADDR_IN6 = 28;
/** Without a scope, as RFC 2133 had it. */
const SHORTEST_IN6 = 24;

export function isV4(address: IpAddress): boolean {
  return address.startsWith(MAPPED);
}

export function isAny(address: IpAddress): boolean {
  return address === ANY_4 || address === ANY_6;
}

/** It is one of the sandbox's own: 127.0.0.0/8 and ::1. */
export function isLoopback(address: IpAddress): boolean {
  return address === LOOPBACK_6 || address.startsWith(`${MAPPED}7f`);
}

export function isMulticast(address: IpAddress): boolean {
  return isV4(address) ? address[24] === 'e' : address.startsWith('ff');
}

export function isBroadcast(address: IpAddress): boolean {
  return address === BROADCAST || address === `${MAPPED}7fffffff`;
}

/** Whether a socket bound to `bound` is meant by `address`; `only6` keeps `::` from standing for IPv4 too. */
export function covers(bound: IpAddress, only6: boolean, address: IpAddress): boolean {
  if (bound === address) return true;
  if (bound === ANY_4) return isV4(address);
  return bound === ANY_6 && !(only6 && isV4(address));
}

export function fromIpv4(bytes: Buffer, at: number): IpAddress {
  return MAPPED + bytes.toString('hex', at, at + 4);
}

export function fromIpv6(bytes: Buffer, at: number): IpAddress {
  return bytes.toString('hex', at, at + 16);
}

/** The 4 bytes of an IPv4 address, the 16 of another. */
export function bytesOf(address: IpAddress): Buffer {
  return Buffer.from(isV4(address) ? address.slice(MAPPED.length) : address, 'hex');
}

/** All 16 bytes. */
export function mappedBytes(address: IpAddress): Buffer {
  return Buffer.from(address, 'hex');
}

/** As text, for Node.js's sockets. */
export function formatAddress(address: IpAddress): string {
  if (isV4(address)) return [...bytesOf(address)].join('.');
  return (address.match(/.{4}/g) ?? []).join(':');
}

/** From Node.js's text; `undefined` for what is none. */
export function parseAddressText(text: string): IpAddress | undefined {
  const plain = text.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  if (/^\d+\.\d+\.\d+\.\d+$/.test(plain)) {
    return MAPPED + Buffer.from(plain.split('.').map(Number)).toString('hex');
  }
  const [head = '', tail, ...rest] = plain.split('::');
  if (rest.length > 0) return undefined;
  const groups = (part: string): string[] =>
    part === '' ? [] : part.split(':').map((group) => group.padStart(4, '0'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const missing = tail === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...new Array<string>(Math.max(0, missing)).fill('0000'), ...after];
  return all.length === 8 && /^[0-9a-f]{32}$/i.test(all.join(''))
    ? all.join('').toLowerCase()
    : undefined;
}

/** struct sockaddr_in or sockaddr_in6: -EINVAL for a wrong length, -EAFNOSUPPORT for a wrong family. */
export function parseEndpoint(bytes: Buffer, domain: number): Endpoint | number {
  const family = familyOf(bytes);
  if (domain === Af.INET) {
    if (bytes.length < SOCKADDR_IN) return -Errno.EINVAL;
    if (family !== Af.INET) return -Errno.EAFNOSUPPORT;
    return { address: fromIpv4(bytes, 4), port: bytes.readUInt16BE(2) };
  }
  if (bytes.length < SHORTEST_IN6) return -Errno.EINVAL;
  if (family !== Af.INET6) return -Errno.EAFNOSUPPORT;
  return { address: fromIpv6(bytes, 8), port: bytes.readUInt16BE(2) };
}

/** `sa_family`; -1 where there are too few bytes for one. */
export function familyOf(bytes: Buffer): number {
  return bytes.length < 2 ? -1 : bytes.readUInt16LE(0);
}

/** struct sockaddr_in or sockaddr_in6, as a socket of `domain` gives it. */
export function encodeEndpoint({ address, port }: Endpoint, domain: number): Buffer {
  const bytes = Buffer.alloc(domain === Af.INET ? SOCKADDR_IN : SOCKADDR_IN6);
  bytes.writeUInt16LE(domain, 0);
  bytes.writeUInt16BE(port, 2);
  if (domain === Af.INET) bytesOf(address).copy(bytes, 4);
  else mappedBytes(address).copy(bytes, 8);
  return bytes;
}
