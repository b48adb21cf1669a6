/** TCP and UDP over the loopback, and by the host's sockets. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Errno } from '../../../src/kernel/abi/errno.js';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import { NodeNetwork } from '../../../src/kernel/net/host/node-network.js';
import { LOOPBACK_4, type Endpoint } from '../../../src/kernel/net/inet/ip-address.js';
import { formatAddress, parseAddressText } from '../../../src/kernel/net/inet/ip-address.js';
import type { TcpEnd } from '../../../src/kernel/net/inet/tcp-end.js';
import type { TcpSocket } from '../../../src/kernel/net/inet/tcp-socket.js';
import type { UdpSocket } from '../../../src/kernel/net/inet/udp-socket.js';
import { Network } from '../../../src/kernel/net/network.js';
import { Guest, HostTree, MEMORY_START } from '../fs/guest.js';
import { AF_INET, DATAGRAM, inet, listening, receiveText, sendText, STREAM } from './sockets.js';

let host: HostTree;
let guest: Guest;

beforeEach(() => {
  host = new HostTree();
  guest = new Guest({ rootfs: host.path });
});

afterEach(() => {
  guest[Symbol.dispose]();
  host[Symbol.dispose]();
});

describe('TCP', () => {
  it('lets connections wait for room in the backlog', async () => {
    const server = guest.ok('socket', AF_INET, STREAM, 0);
    guest.ok('listen', server, 0);
    guest.ok('getsockname', server, MEMORY_START, guest.put(Buffer.from([16, 0, 0, 0])));
    const port = guest.get(MEMORY_START, 4).readUInt16BE(2);
    const [first, second] = [0, 0].map(() => guest.ok('socket', AF_INET, STREAM, 0));
    expect(await guest.async('connect', first as number, inet(port), 16)).toBe(0);
    const later = guest.async('connect', second as number, inet(port), 16);
    guest.ok('accept', server, 0, 0);
    expect(await later).toBe(0);
    const third = guest.ok('socket', AF_INET, STREAM, 0);
    const never = guest.async('connect', third, inet(port), 16);
    guest.ok('close', server);
    expect(await never).toBe(-Errno.ECONNREFUSED);
  });

  it('gives back every port and every byte', async () => {
    const { network } = guest.task.kernel;
    const before = network.kernelMemory.held;
    for (let times = 0; times < 100; times++) {
      const { fd, port } = listening(guest);
      const client = guest.ok('socket', AF_INET, STREAM, 0);
      expect(await guest.async('connect', client, inet(port), 16)).toBe(0);
      await sendText(guest, client, 'unread');
      const accepted = times % 2 === 0 ? [guest.ok('accept', fd, 0, 0)] : [];
      for (const open of [fd, client, ...accepted]) guest.ok('close', open);
    }
    expect([...network.tcpPorts.all()]).toEqual([]);
    expect(network.sockets.size).toBe(0);
    expect(network.kernelMemory.held).toBe(before);
  });

  it('is listed in /proc/net', async () => {
    const { port } = listening(guest);
    const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
    const listed = new RegExp(`^ +0: 0100007F:${hexPort} 00000000:0000 0A `, 'm');
    expect(guest.readFile('/proc/net/tcp')).toMatch(listed);
    const client = guest.ok('socket', AF_INET, STREAM, 0);
    await guest.async('connect', client, inet(port), 16);
    expect(guest.readFile('/proc/net/tcp')).toMatch(new RegExp(` 0100007F:${hexPort} 01 `));
  });

  it('has no way out', () => {
    const fd = guest.ok('socket', AF_INET, STREAM, 0);
    expect(guest.call('connect', fd, inet(80, '192.0.2.1'), 16)).toBe('ENETUNREACH');
    const datagram = guest.ok('socket', AF_INET, DATAGRAM, 0);
    expect(guest.call('sendto', datagram, MEMORY_START, 1, 0, inet(53, '192.0.2.1'), 16)).toBe(
      'ENETUNREACH',
    );
  });
});

describe('addresses', () => {
  it.each(['127.0.0.1', '0.0.0.0', '255.1.2.3'])('%s stays as it is', (text) => {
    expect(formatAddress(parseAddressText(text) ?? '')).toBe(text);
  });

  it.each([
    ['::1', '0000:0000:0000:0000:0000:0000:0000:0001'],
    ['fe80::1%eth0', 'fe80:0000:0000:0000:0000:0000:0000:0001'],
    ['2001:db8::', '2001:0db8:0000:0000:0000:0000:0000:0000'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
  ])('%s is %s', (text, formatted) => {
    expect(formatAddress(parseAddressText(text) ?? '')).toBe(formatted);
  });

  it.each(['', 'example.org', '1:2:3', '1::2::3:4:5:6:7:8:9'])('"%s" is none', (text) => {
    expect(parseAddressText(text)).toBeUndefined();
  });
});

/** What is outside of the sandbox is the host's loopback, so that the test needs no network. */
class NearbyNetwork extends NodeNetwork {
  override sourceFor(): string {
    return LOOPBACK_4;
  }

  override connect(socket: TcpSocket, { port }: Endpoint): TcpEnd {
    return super.connect(socket, { address: LOOPBACK_4, port });
  }
}

describe("the host's sockets", () => {
  const outside = '192.0.2.1';
  let network: NearbyNetwork;

  beforeEach(() => {
    network = new NearbyNetwork();
    const ownNetwork = new Network(KernelMemory.of(guest.memory), network);
    Object.assign(guest.task.kernel, { network: ownNetwork });
  });

  async function serve(
    serveOne: (socket: Socket) => void,
  ): Promise<{ fd: number; end: () => void }> {
    const server = createServer({ allowHalfOpen: true }, serveOne);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const fd = guest.ok('socket', AF_INET, STREAM, 0);
    expect(await guest.async('connect', fd, inet(port, outside), 16)).toBe(0);
    return { fd, end: () => server.close() };
  }

  it('carry bytes both ways, more than any buffer holds, and each end on its own', async () => {
    const size = 0x180000;
    const { fd, end } = await serve((socket) => {
      let got = 0;
      socket.on('data', (chunk) => (got += chunk.length));
      socket.on('end', () => socket.end(Buffer.alloc(size, `${String(got)};`)));
    });
    expect(await guest.async('sendto', fd, MEMORY_START, 0x100000, 0, 0, 0)).toBe(0x100000);
    guest.ok('shutdown', fd, 1);
    let text = '';
    for (let part = ' '; part !== ''; text += part) part = await receiveText(guest, fd, 0x10000);
    expect(text.length).toBe(size);
    expect(text.trim().slice(0, 8)).toBe('1048576;');
    guest.ok('close', fd);
    await network.dispose();
    end();
  });

  it('tell of a reset', async () => {
    const { fd, end } = await serve((socket) => {
      socket.on('data', () => socket.resetAndDestroy());
    });
    await sendText(guest, fd, 'x');
    expect(await guest.async('recvfrom', fd, MEMORY_START, 1, 0, 0, 0)).toBe(-Errno.ECONNRESET);
    end();
  });

  it('tell of a refusal', async () => {
    const fd = guest.ok('socket', AF_INET, STREAM, 0);
    expect(await guest.async('connect', fd, inet(1, outside), 16)).toBe(-Errno.ECONNREFUSED);
  });

  it('are closed with the sandbox, after what was sent has left', async () => {
    let received = 0;
    let ended = Promise.resolve();
    const { fd, end } = await serve((socket) => {
      socket.on('data', (chunk) => (received += chunk.length));
      socket.on('error', () => undefined);
      ended = new Promise((resolve) => {
        socket.on('end', () => {
          socket.end();
          resolve();
        });
      });
    });
    const sent = guest.async('sendto', fd, MEMORY_START, 50000, 0, 0, 0);
    expect(await sent).toBe(50000);
    guest.ok('close', fd);
    await network.dispose();
    await ended;
    expect(received).toBe(50000);
    end();
  });

  it('take datagrams, and answers from nobody else', async () => {
    const server = createSocket('udp4');
    server.on('message', (data, { port }) => {
      const stranger = createSocket('udp4');
      stranger.send('intruder', port, '127.0.0.1', () => {
        stranger.close();
        server.send(`${data.toString()}!`, port, '127.0.0.1');
      });
    });
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const outlet = network.openOutlet(
      guest.task.files.get(guest.ok('socket', AF_INET, DATAGRAM, 0)) as UdpSocket,
    );
    outlet.send(Buffer.from('ping'), { address: LOOPBACK_4, port: server.address().port });
    expect(await receiveText(guest, 0)).toBe('ping!');
    outlet.close();
    server.close();
  });
});
