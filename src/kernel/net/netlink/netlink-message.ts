/** Messages of netlink(7), and the attributes of rtnetlink(7). */

/** Types and flags of struct nlmsghdr. */
export const Nlmsg = { ERROR: 2, DONE: 3 } as const;
export const NlmFlag = {
  REQUEST: 1,
  MULTI: 2,
  ACK: 4,
  ROOT: 0x100,
  MATCH: 0x200,
  DUMP: 0x300,
} as const;

const HEADER = 16;

function align(length: number): number {
  return Math.ceil(length / 4) * 4;
}

export interface NetlinkHeader {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
}

/** A request, with what follows its header. */
export interface NetlinkRequest extends NetlinkHeader {
  /** Header and all, as an answer of an error repeats it. */
  readonly bytes: Buffer;
  readonly body: Buffer;
}

/** The requests in what was sent; one with an impossible length ends them. */
export function readRequests(bytes: Buffer): NetlinkRequest[] {
  const requests: NetlinkRequest[] = [];
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER || at + length > bytes.length) break;
    const message = bytes.subarray(at, at + length);
    requests.push({
      type: message.readUInt16LE(4),
      flags: message.readUInt16LE(6),
      sequence: message.readUInt32LE(8),
      bytes: message,
      body: message.subarray(HEADER),
    });
    at += align(length);
  }
  return requests;
}

/** A whole message for the socket with that port. */
export function buildMessage(header: NetlinkHeader, port: number, body: Buffer): Buffer {
  const bytes = Buffer.alloc(align(HEADER + body.length));
  bytes.writeUInt32LE(HEADER + body.length, 0);
  bytes.writeUInt16LE(header.type, 4);
  bytes.writeUInt16LE(header.flags, 6);
  bytes.writeUInt32LE(header.sequence, 8);
  bytes.writeUInt32LE(port, 12);
  body.copy(bytes, HEADER);
  return bytes;
}

/** struct rtattr with its value. */
export function attribute(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(align(4 + value.length));
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  value.copy(bytes, 4);
  return bytes;
}

export function textAttribute(type: number, text: string): Buffer {
  return attribute(type, Buffer.from(`${text}\0`, 'latin1'));
}

export function numberAttribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return attribute(type, bytes);
}

/** Value of an attribute; undefined where there is none of that type. */
export function findAttribute(bytes: Buffer, type: number): Buffer | undefined {
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) return undefined;
    if ((bytes.readUInt16LE(at + 2) & 0x3fff) === type) return bytes.subarray(at + 4, at + length);
    at += align(length);
  }
  return undefined;
}
