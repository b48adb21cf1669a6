// Worker threads, child processes, files, sockets and HTTP, as Node.js has them.
import { Buffer } from 'node:buffer';
import { execFile, execFileSync, fork, spawn, spawnSync } from 'node:child_process';
import console from 'node:console';
import { createHash, pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, promises as fs, readFileSync, watch } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { pipeline } from 'node:stream/promises';
import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { brotliCompressSync, createGunzip, createGzip, gunzipSync, gzipSync } from 'node:zlib';

const self = fileURLToPath(import.meta.url);

async function workers() {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const all = [1, 2, 3].map((n) => new Worker(self, { workerData: { n, shared } }));
  const told = (event) => Promise.all(all.map(async (worker) => (await once(worker, event))[0]));
  const [sums, codes] = await Promise.all([told('message'), told('exit')]);
  console.log('workers', sums, codes, shared[0]);
}

function work({ n, shared }) {
  for (let i = 0; i < 1000; i++) Atomics.add(shared, 0, n);
  Atomics.wait(shared, 1, 0, 20);
  parentPort.postMessage(n * 10);
}

async function children() {
  console.log(await promisify(execFile)('sh', ['-c', 'echo out; echo err >&2']));
  const sort = spawn('sort', ['-rn']);
  sort.stdin.end('1\n10\n9\n');
  console.log((await sort.stdout.toArray()).join('').split('\n'));
  const sleeper = spawn('sleep', ['60']);
  sleeper.kill('SIGTERM');
  console.log('exit', await once(sleeper, 'exit'));
  const failed = spawn('/missing');
  const [error] = await once(failed, 'error');
  console.log(error.code, error.syscall, spawnSync('sh', ['-c', 'exit 3']).status);
  console.log(
    spawnSync('sleep', ['60'], { timeout: 100 }).signal,
    execFileSync('cat', { input: 'x' }).toString(),
  );
  const child = fork(self, ['child'], { serialization: 'advanced' });
  const ended = once(child, 'exit');
  child.send({ text: 'ping', map: new Map([[1, 2]]) });
  console.log('answer', (await once(child, 'message'))[0], await ended);
}

async function web() {
  const server = http.createServer((request, response) => {
    const hash = createHash('sha256');
    request.on('data', (chunk) => hash.update(chunk));
    request.on('end', () => response.setHeader('x-path', request.url).end(hash.digest('hex')));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const post = async (n) => {
    const request = http.request({ port, agent, host: '127.0.0.1', path: `/${n}`, method: 'POST' });
    request.end(Buffer.alloc(100_000, n));
    const [response] = await once(request, 'response');
    return `${response.statusCode} ${response.headers['x-path']} ${(await response.toArray()).join('').slice(0, 8)}`;
  };
  console.log(await Promise.all(Array.from({ length: 12 }, (_, n) => post(n))));
  const [byName] = await once(http.get({ port, host: 'localhost', path: '/name' }), 'response');
  console.log((await byName.toArray()).join(''));
  agent.destroy();
  server.close();
  const unix = net.createServer((socket) => socket.pipe(socket)).listen('socket');
  await once(unix, 'listening');
  const client = net.connect('socket');
  client.end('through a socket with a name');
  console.log((await client.toArray()).join(''));
  unix.close();
  console.log((await once(net.connect(1, '127.0.0.1'), 'error'))[0]?.code);
}

async function files() {
  const data = Buffer.alloc(3_000_000, 'some text that can be compressed. ');
  await fs.writeFile('plain', data);
  await pipeline(createReadStream('plain'), createGzip(), createWriteStream('plain.gz'));
  await pipeline(createReadStream('plain.gz'), createGunzip(), createWriteStream('again'));
  console.log(
    readFileSync('again').equals(data),
    gunzipSync(gzipSync(data)).length,
    brotliCompressSync(data.subarray(0, 10_000)).length > 10,
  );
  const seen = new Promise((resolve) => {
    const watcher = watch('.', (event, name) => {
      if (name !== 'renamed') return;
      watcher.close();
      resolve(event);
    });
  });
  await fs.rename('again', 'renamed');
  console.log(await seen, (await fs.readdir('.')).sort(), (await fs.stat('renamed')).size);
  await fs.mkdir('a/b/c', { recursive: true });
  await fs.cp('plain', 'a/b/copy');
  await fs.rm('a', { recursive: true });
  console.log(await fs.access('a').catch((error) => error.message), randomBytes(9).length);
  console.log(pbkdf2Sync('password', 'salt', 1000, 16, 'sha256').toString('hex'));
}

async function signals() {
  const caught = once(process, 'SIGUSR2');
  process.kill(process.pid, 'SIGUSR2');
  const alive = setInterval(() => undefined, 1000);
  console.log(await caught);
  clearInterval(alive);
  const begin = performance.now();
  await delay(20);
  console.log(
    performance.now() - begin >= 19,
    process.platform,
    process.stdout.isTTY,
    process.memoryUsage().rss > 1e6,
  );
}

if (!isMainThread) {
  work(workerData);
} else if (process.argv[2] === 'child') {
  process.once('message', (message) =>
    process.send({ ...message, text: 'pong' }, () => process.disconnect()),
  );
} else {
  for (const part of [workers, children, web, files, signals]) await part();
}
