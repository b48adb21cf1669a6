import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, Sandbox } from '../../src/index.js';
import { guest } from '../guests/build.js';

/** An address of this machine that is not its loopback. */
const address = Object.values(networkInterfaces())
  .flat()
  .find((entry) => entry?.family === 'IPv4' && !entry.internal)?.address;

describe.skipIf(address === undefined)('the network of a sandbox', () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('end', () => socket.end(`${text}, and goodbye`));
  });

  beforeAll(async () => {
    server.listen(0, address);
    await once(server, 'listening');
  });

  afterAll(() => {
    server.close();
  });

  async function callHome(options: { net?: 'none' | 'host' }): Promise<string[]> {
    const { port } = server.address() as AddressInfo;
    const result = await run(guest('net_client'), [address ?? '', String(port)], options);
    return result.stdout.trim().split('\n');
  }

  it('leads nowhere unless it is asked to', async () => {
    const unreachable = ['connect: ENETUNREACH', 'connect: ENETUNREACH'];
    expect(await callHome({})).toEqual(unreachable);
    expect(await callHome({ net: 'none' })).toEqual(unreachable);
  });

  it("leads out through the host's sockets", async () => {
    expect(await callHome({ net: 'host' })).toEqual([
      'connect: 0',
      'send: 5',
      'shutdown: 0',
      'hello, and goodbye',
      'connect: 0',
    ]);
  });
});

it('refuses a network that there is not', async () => {
  await expect(Sandbox.create({ net: 'bridge' as 'host' })).rejects.toThrow(/'none' or 'host'/);
});
