/** Answers to NETLINK_ROUTE, rtnetlink(7): the sandbox has one device, which cannot be changed. */
import { Errno } from '../../abi/errno.js';
import { LOOPBACK_INDEX, LOOPBACK_NAME } from '../interface-ioctl.js';
import { addressMessages, IFLA_IFNAME, linkMessage } from './loopback-device.js';
import {
  buildMessage,
  findAttribute,
  NlmFlag,
  Nlmsg,
  type NetlinkRequest,
} from './netlink-message.js';

const Rtm = {
  NEWLINK: 16,
  GETLINK: 18,
  NEWADDR: 20,
  GETADDR: 22,
  GETROUTE: 26,
  GETNEIGH: 30,
  GETRULE: 34,
} as const;
const LARGEST_TYPE = 127;
/** Types come in fours: new, delete, get, set. */
const GET = 2;
const IFINFO_SIZE = 16;
const NAME_SIZE = 16;

/** The packets that answer a request: a dump has its end in one of its own. */
export function answerRoute(request: NetlinkRequest, port: number): Buffer[] {
  const { type, flags, body } = request;
  // Control messages ask nothing.
  if (type < 16 || (flags & NlmFlag.REQUEST) === 0) return acknowledge(request, port, 0);
  if (type > LARGEST_TYPE) return acknowledge(request, port, -Errno.EOPNOTSUPP);
  if (type % 4 !== GET) return acknowledge(request, port, -Errno.EPERM);
  const family = body[0] ?? 0;
  const isDump = (flags & NlmFlag.DUMP) !== 0;
  switch (type) {
    case Rtm.GETLINK:
      return isDump ? dump(request, port, Rtm.NEWLINK, [linkMessage()]) : oneLink(request, port);
    case Rtm.GETADDR:
      return isDump
        ? dump(request, port, Rtm.NEWADDR, addressMessages(family))
        : acknowledge(request, port, -Errno.EOPNOTSUPP);
    case Rtm.GETROUTE:
      return isDump ? dump(request, port, 0, []) : acknowledge(request, port, -Errno.ENETUNREACH);
    case Rtm.GETNEIGH:
    case Rtm.GETRULE:
      return isDump ? dump(request, port, 0, []) : acknowledge(request, port, -Errno.ENOENT);
    default:
      return acknowledge(request, port, -Errno.EOPNOTSUPP);
  }
}

function dump(
  { sequence }: NetlinkRequest,
  port: number,
  type: number,
  bodies: readonly Buffer[],
): Buffer[] {
  const flags = NlmFlag.MULTI;
  const messages = bodies.map((body) => buildMessage({ type, flags, sequence }, port, body));
  const done = buildMessage({ type: Nlmsg.DONE, flags, sequence }, port, Buffer.alloc(4));
  return messages.length > 0 ? [Buffer.concat(messages), done] : [done];
}

/** RTM_GETLINK of one device, by its number or its name. */
function oneLink(request: NetlinkRequest, port: number): Buffer[] {
  const { body, sequence } = request;
  if (body.length < IFINFO_SIZE) return acknowledge(request, port, -Errno.EINVAL);
  const index = body.readInt32LE(4);
  const name = findAttribute(body.subarray(IFINFO_SIZE), IFLA_IFNAME);
  if (index === 0 && name === undefined) return acknowledge(request, port, -Errno.EINVAL);
  const text = name?.toString('latin1', 0, NAME_SIZE).replace(/\0.*$/s, '');
  const isThere = index > 0 ? index === LOOPBACK_INDEX : text === LOOPBACK_NAME;
  if (!isThere) return acknowledge(request, port, -Errno.ENODEV);
  return [buildMessage({ type: Rtm.NEWLINK, flags: 0, sequence }, port, linkMessage())];
}

/** NLMSG_ERROR, which is also how success is told to who asks for it. */
function acknowledge(request: NetlinkRequest, port: number, error: number): Buffer[] {
  if (error === 0 && (request.flags & NlmFlag.ACK) === 0) return [];
  const code = Buffer.alloc(4);
  code.writeInt32LE(error);
  const quoted = error === 0 ? request.bytes.subarray(0, 16) : request.bytes;
  const header = { type: Nlmsg.ERROR, flags: 0, sequence: request.sequence };
  return [buildMessage(header, port, Buffer.concat([code, quoted]))];
}
