/** What rtnetlink(7) tells of `lo`. */
import { Af } from '../../abi/socket.js';
import {
  ARPHRD_LOOPBACK,
  LOOPBACK_FLAGS,
  LOOPBACK_INDEX,
  LOOPBACK_MTU,
  LOOPBACK_NAME,
} from '../interface-ioctl.js';
import { attribute, numberAttribute, textAttribute } from './netlink-message.js';

/** IFF_LOWER_UP */
const LOWER_UP = 0x10000;
const Ifla = {
  ADDRESS: 1,
  BROADCAST: 2,
  IFNAME: 3,
  MTU: 4,
  QDISC: 6,
  TXQLEN: 13,
  OPERSTATE: 16,
} as const;
const Ifa = { ADDRESS: 1, LOCAL: 2, LABEL: 3, CACHEINFO: 6, FLAGS: 8 } as const;
export const IFLA_IFNAME = Ifla.IFNAME;
/** IFA_F_PERMANENT */
const PERMANENT = 0x80;
/** RT_SCOPE_HOST */
const SCOPE_HOST = 254;
const FOREVER = 0xffffffff;

/** struct ifinfomsg and its attributes. */
export function linkMessage(): Buffer {
  const info = Buffer.alloc(16);
  info.writeUInt16LE(ARPHRD_LOOPBACK, 2);
  info.writeInt32LE(LOOPBACK_INDEX, 4);
  info.writeUInt32LE(LOOPBACK_FLAGS | LOWER_UP, 8);
  return Buffer.concat([
    info,
    textAttribute(Ifla.IFNAME, LOOPBACK_NAME),
    numberAttribute(Ifla.TXQLEN, 1000),
    attribute(Ifla.OPERSTATE, Buffer.alloc(1)),
    numberAttribute(Ifla.MTU, LOOPBACK_MTU),
    textAttribute(Ifla.QDISC, 'noqueue'),
    attribute(Ifla.ADDRESS, Buffer.alloc(6)),
    attribute(Ifla.BROADCAST, Buffer.alloc(6)),
  ]);
}

/** struct ifaddrmsg and its attributes, for each address of a family; AF_UNSPEC for all. */
export function addressMessages(family: number): Buffer[] {
  const messages: Buffer[] = [];
  if (family === Af.UNSPEC || family === Af.INET) {
    const address = Buffer.from([127, 0, 0, 1]);
    messages.push(
      Buffer.concat([
        addressHeader(Af.INET, 8),
        attribute(Ifa.ADDRESS, address),
        attribute(Ifa.LOCAL, address),
        textAttribute(Ifa.LABEL, LOOPBACK_NAME),
        ...lifetime(),
      ]),
    );
  }
  if (family === Af.UNSPEC || family === Af.INET6) {
    const address = Buffer.alloc(16);
    address[15] = 1;
    messages.push(
      Buffer.concat([addressHeader(Af.INET6, 128), attribute(Ifa.ADDRESS, address), ...lifetime()]),
    );
  }
  return messages;
}

function addressHeader(family: number, prefix: number): Buffer {
  const bytes = Buffer.from([family, prefix, PERMANENT, SCOPE_HOST, 0, 0, 0, 0]);
  bytes.writeUInt32LE(LOOPBACK_INDEX, 4);
  return bytes;
}

function lifetime(): Buffer[] {
  const cache = Buffer.alloc(16);
  cache.writeUInt32LE(FOREVER, 0);
  cache.writeUInt32LE(FOREVER, 4);
  return [numberAttribute(Ifa.FLAGS, PERMANENT), attribute(Ifa.CACHEINFO, cache)];
}
