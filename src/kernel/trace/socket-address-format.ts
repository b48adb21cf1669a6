/** struct sockaddr as strace(1) prints it. */
import { quote } from './quote.js';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;

/** The groups of an IPv6 address, the longest run of zeros left out (RFC 5952). */
export function formatIpv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2));
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return `::ffff:${formatIpv4(bytes.subarray(12))}`;
  let best = { start: 0, length: 0 };
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.length < 2) return text(groups);
  return `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`;
}

export function formatIpv4(bytes: Buffer): string {
  return [...bytes.subarray(0, 4)].join('.');
}

function formatUnix(bytes: Buffer): string {
  const text = bytes.toString('latin1', 2);
  if (text === '') return '{sa_family=AF_UNIX}';
  if (text.startsWith('\0')) return `{sa_family=AF_UNIX, sun_path=@${quote(text.slice(1))}}`;
  const end = text.indexOf('\0');
  return `{sa_family=AF_UNIX, sun_path=${quote(end < 0 ? text : text.slice(0, end))}}`;
}

/** `undefined` for bytes too short to be an address. */
export function formatSocketAddress(bytes: Buffer): string | undefined {
  if (bytes.length < 2) return undefined;
  const family = bytes.readUInt16LE(0);
  if (family === AF_UNIX) return formatUnix(bytes);
  if (family === AF_INET && bytes.length >= 16) {
    const port = `sin_port=htons(${String(bytes.readUInt16BE(2))})`;
    const address = formatIpv4(bytes.subarray(4));
    return `{sa_family=AF_INET, ${port}, sin_addr=inet_addr("${address}")}`;
  }
  if (family === AF_INET6 && bytes.length >= 24) {
    const scope = bytes.length >= 28 ? `, sin6_scope_id=${String(bytes.readUInt32LE(24))}` : '';
    return (
      `{sa_family=AF_INET6, sin6_port=htons(${String(bytes.readUInt16BE(2))}), ` +
      `sin6_flowinfo=htonl(${String(bytes.readUInt32BE(4))}), ` +
      `inet_pton(AF_INET6, "${formatIpv6(bytes.subarray(8, 24))}", &sin6_addr)${scope}}`
    );
  }
  if (family === AF_NETLINK && bytes.length >= 12) {
    const groups = bytes.readUInt32LE(8).toString(16).padStart(8, '0');
    const shown = `nl_pid=${String(bytes.readUInt32LE(4))}, nl_groups=${groups === '00000000' ? groups : `0x${groups}`}`;
    return `{sa_family=AF_NETLINK, ${shown}}`;
  }
  if (family === 0) return `{sa_family=AF_UNSPEC, sa_data=${quote(bytes.toString('latin1', 2))}}`;
  return `{sa_family=${String(family)}, sa_data=${quote(bytes.toString('latin1', 2))}}`;
}
