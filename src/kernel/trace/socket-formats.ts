/** Arguments of socket calls. */
import { So, SOL_SOCKET } from '../abi/socket.js';
import { readWord } from '../abi/word.js';
import {
  filled,
  following,
  formatHex,
  formatPointer,
  pointedBytes,
  preceding,
  type Decoder,
  type Decoding,
} from './decoding.js';
import { formatBits } from './flag-names.js';
import { quote } from './quote.js';
import { formatSocketAddress } from './socket-address-format.js';
import {
  DOMAINS,
  IP_PROTOCOLS,
  MESSAGE_FLAGS,
  NETLINK_PROTOCOLS,
  OPTION_NAMES,
  SHUT_HOWS,
  SOCKET_FLAGS,
  SOCKET_LEVELS,
  SOCKET_TYPES,
} from './socket-names.js';

const ADDRESS_MAX = 128;
const IOV_MAX = 1024;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const TYPE_MASK = 0xf;

const domain: Decoder = ({ args, index }) =>
  DOMAINS.get(args.argumentInt(index)) ?? formatHex(BigInt(args.argumentUint(index)));

const type: Decoder = ({ args, index }) => {
  const value = args.argumentUint(index);
  const name = SOCKET_TYPES.get(value & TYPE_MASK) ?? `0x${(value & TYPE_MASK).toString(16)}`;
  const flags = formatBits(value & ~TYPE_MASK, SOCKET_FLAGS, '');
  return flags === '' ? name : `${name}|${flags}`;
};

const protocol: Decoder = ({ args, index }) => {
  const value = args.argumentInt(index);
  const family = args.argumentInt(0);
  const names =
    family === AF_INET || family === AF_INET6
      ? IP_PROTOCOLS
      : family === AF_NETLINK
        ? NETLINK_PROTOCOLS
        : undefined;
  return names?.get(value) ?? String(value);
};

function addressAt({ mm }: Decoding, address: number, length: number): string | undefined {
  if (address === 0 || length < 0 || length > ADDRESS_MAX) return undefined;
  const bytes = Buffer.alloc(length);
  return mm.read(address, bytes) ? formatSocketAddress(bytes) : undefined;
}

/** The length is the next argument. */
const address: Decoder = (decoding) =>
  addressAt(
    decoding,
    decoding.args.argument(decoding.index),
    decoding.args.argumentInt(following(decoding.index)),
  );

function intAt({ mm }: Decoding, place: number): number | undefined {
  const bytes = Buffer.alloc(4);
  return place !== 0 && mm.read(place, bytes) ? bytes.readInt32LE(0) : undefined;
}

/** The next argument points to the length. */
const addressOut: Decoder = (decoding) => {
  const length = intAt(decoding, decoding.args.argument(following(decoding.index)));
  const place = decoding.args.argument(decoding.index);
  const { lengthBefore = ADDRESS_MAX } = decoding;
  return length === undefined
    ? undefined
    : addressAt(decoding, place, Math.min(length, lengthBefore, ADDRESS_MAX));
};

const lengthOut: Decoder = (decoding) => {
  const length = intAt(decoding, decoding.args.argument(decoding.index));
  if (length === undefined) return undefined;
  const { lengthBefore = length } = decoding;
  return lengthBefore === length
    ? `[${String(length)}]`
    : `[${String(lengthBefore)} => ${String(length)}]`;
};

const level: Decoder = ({ args, index }) =>
  SOCKET_LEVELS.get(args.argumentInt(index)) ?? String(args.argumentInt(index));

const option: Decoder = ({ args, index }) =>
  OPTION_NAMES.get(args.argumentInt(preceding(index)))?.get(args.argumentInt(index)) ??
  String(args.argumentInt(index));

/** struct linger, struct timeval, an int; others as their bytes. */
function value(decoding: Decoding, length: number): string | undefined {
  const { stringLimit } = decoding;
  const bytes = pointedBytes(decoding, Math.min(Math.max(length, 0), Math.max(stringLimit, 16)));
  if (bytes === undefined) return undefined;
  const isOfSocket = decoding.args.argumentInt(1) === SOL_SOCKET;
  const name = isOfSocket ? decoding.args.argumentInt(2) : -1;
  if (name === So.LINGER && length === 8) {
    return `{l_onoff=${String(bytes.readInt32LE(0))}, l_linger=${String(bytes.readInt32LE(4))}}`;
  }
  if ((name === So.RCVTIMEO || name === So.SNDTIMEO) && length === 16) {
    return `{tv_sec=${bytes.readBigInt64LE(0)}, tv_usec=${bytes.readBigInt64LE(8)}}`;
  }
  return length === 4
    ? `[${String(bytes.readInt32LE(0))}]`
    : quote(bytes.toString('latin1', 0, stringLimit), length > stringLimit);
}

/** struct msghdr; `result` is how many bytes it holds, before the call all it has room for. */
function message(decoding: Decoding, held: number): string | undefined {
  const bytes = pointedBytes(decoding, 56);
  if (bytes === undefined) return undefined;
  const nameLength = bytes.readInt32LE(8);
  const name = addressAt(decoding, readWord(bytes, 0), nameLength);
  const vector = formatVector(decoding, readWord(bytes, 16), readWord(bytes, 24), held);
  const controlLength = readWord(bytes, 40);
  const control =
    controlLength === 0 ? '' : `msg_control=${formatPointer(bytes.readBigUInt64LE(32))}, `;
  return (
    `{msg_name=${name ?? formatPointer(bytes.readBigUInt64LE(0))}, ` +
    `msg_namelen=${String(nameLength)}, ` +
    `msg_iov=${vector}, msg_iovlen=${bytes.readBigUInt64LE(24)}, ` +
    `${control}msg_controllen=${String(controlLength)}, ` +
    `msg_flags=${formatBits(bytes.readUInt32LE(48), MESSAGE_FLAGS)}}`
  );
}

function formatVector(
  { mm, stringLimit }: Decoding,
  at: number,
  count: number,
  held: number,
): string {
  const bytes = Buffer.alloc(Math.min(count, stringLimit, IOV_MAX) * 16);
  if (!mm.read(at, bytes)) return formatHex(BigInt(at));
  const parts: string[] = [];
  let left = held;
  for (let offset = 0; offset < bytes.length; offset += 16) {
    const length = readWord(bytes, offset + 8);
    const filledBytes = Math.min(length, left);
    left -= filledBytes;
    const shown = Buffer.alloc(Math.min(filledBytes, stringLimit));
    const text = mm.read(readWord(bytes, offset), shown)
      ? quote(shown.toString('latin1'), filledBytes > stringLimit)
      : formatPointer(bytes.readBigUInt64LE(offset));
    parts.push(`{iov_base=${text}, iov_len=${String(length)}}`);
  }
  return `[${parts.join(', ')}]`;
}

export const socketFormats = {
  'socket-domain': domain,
  'socket-type': type,
  'socket-protocol': protocol,
  'socket-flags': ({ args, index }) => formatBits(args.argumentUint(index), SOCKET_FLAGS),
  'socket-address': address,
  'socket-level': level,
  'socket-option': option,
  'option-value': (decoding) =>
    value(decoding, decoding.args.argumentInt(following(decoding.index))),
  'shut-how': ({ args, index }) =>
    SHUT_HOWS[args.argumentInt(index)] ?? String(args.argumentInt(index)),
  'message-flags': ({ args, index }) => formatBits(args.argumentUint(index), MESSAGE_FLAGS),
  'message-in': (decoding) => message(decoding, Infinity),
  'messages-in': ({ args, index }) => formatPointer(args.argumentBig(index)),
} satisfies Record<string, Decoder>;

export const socketOutputFormats = {
  'socket-address-out': filled(addressOut),
  'length-out': filled(lengthOut),
  'option-value-out': filled((decoding) => {
    const length = intAt(decoding, decoding.args.argument(following(decoding.index)));
    return length === undefined ? undefined : value(decoding, length);
  }),
  'message-out': filled((decoding) => message(decoding, decoding.result ?? 0)),
  'messages-out': filled(({ args, index }) => formatPointer(args.argumentBig(index))),
} satisfies Record<string, Decoder>;
