/** Workloads, each natively and in sandboxes: the same program, which times itself inside. */
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cacheFolder } from '../../test/guests/build.js';
import { ask, compile } from '../asked-program.js';
import { count, type Effort } from '../effort.js';
import type { Group, Row, Unit } from '../sampler.js';
import { commandOf, needsOf, WAYS, type Way } from '../ways.js';

interface Workload {
  readonly name: string;
  readonly unit: Unit;
  /** Programs that it needs. */
  readonly needs?: readonly string[];
  /** `program` is the path of what main.c is compiled to. */
  readonly command: (program: string) => readonly string[] | Promise<readonly string[]>;
  /** Repetitions a sample, samples a round, rounds: some milliseconds a turn, a second or two a row. */
  readonly batch: number;
  readonly samples: number;
  readonly rounds: number;
  readonly things?: number;
}

const SOURCES = ['main', 'calls', 'tasks', 'memory'].map((name) => `bench/workloads/${name}.c`);
const input = (name: string): string => fileURLToPath(new URL(`inputs/${name}`, import.meta.url));
const scratch = (name: string): string => join(cacheFolder('bench'), name);

/** One of the workloads that calls.c, tasks.c and memory.c have. */
const own = (
  name: string,
  workload: string,
  unit: Unit,
  batch: number,
  samples = 5,
  rounds = 20,
): Workload => ({
  name,
  unit,
  command: (program) => [program, workload],
  batch,
  samples,
  rounds,
});

/** A program from before it is started to its end. */
const whole = (name: string, command: readonly string[], rounds = 7): Workload => ({
  name,
  unit: 'ms',
  needs: command.slice(0, 1),
  command: (program) => [program, 'spawn', ...command],
  batch: 1,
  samples: 1,
  rounds,
});

const MIB = 2 ** 20;

/** A file of zeros that takes no place on the disk. */
function zeros(size: number): string {
  const path = scratch(`${size / MIB}-MiB`);
  const descriptor = openSync(path, 'a');
  ftruncateSync(descriptor, size);
  closeSync(descriptor);
  return path;
}

const REDIS = `
redis-server --port "$1" --save '' --appendonly no >/dev/null &
until redis-cli -p "$1" ping >/dev/null 2>&1; do sleep 0.05; done
"$2" spawn redis-benchmark -p "$1" -q -t "$3" -n "$4"
kill $!
wait
`;

/** A port that nobody has natively; in a sandbox the loopback is the sandbox's own. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Server and clients in one sandbox, over its loopback. */
const redis = (test: 'set' | 'get', requests: number): Workload => ({
  name: `redis.${test}`,
  unit: 'µs',
  needs: ['redis-server', 'redis-cli', 'redis-benchmark'],
  command: async (program) => [
    ...['/bin/sh', '-c', REDIS, 'sh'],
    ...[`${await freePort()}`, program, test, `${requests}`],
  ],
  batch: 1,
  samples: 1,
  rounds: 5,
  things: requests,
});

const workloads = (effort: Effort): readonly Workload[] => [
  own('getpid', 'getpid', 'ns', 200),
  own('clock_gettime', 'clock_gettime', 'ns', 5000),
  own('read.1', 'read', 'µs', 100),
  own('write.1', 'write', 'µs', 100),
  own('open+close', 'open+close', 'µs', 50),
  own('stat', 'stat', 'µs', 50),
  own('pipe.pingpong', 'pipe-pingpong', 'µs', 30),
  own('futex.pingpong', 'futex-pingpong', 'µs', 30),
  own('fault.touch', 'fault-touch', 'µs', 256),
  own('touch.1g', 'touch-gib', 'ms', 1, 1, 3),
  own('mmap+munmap', 'mmap+munmap', 'µs', 50),
  own('fork+exit+wait', 'fork', 'µs', 2, 3),
  { ...whole('exec.true', ['/bin/true'], 20), samples: 2, needs: [] },
  own('matrix', 'matrix', 'ms', 4, 1, 15),
  {
    ...whole('sha256sum', ['sha256sum'], 3),
    command: (program) => [program, 'spawn', 'sha256sum', zeros(count(effort, 1024, 16) * MIB)],
  },
  whole('find', ['find', effort.quick ? input('') : '/usr/share'], 5),
  whole('python3', ['python3', '-c', 'pass']),
  whole('gcc', ['gcc', '-o', scratch('hello'), input('hello.c')]),
  whole('sqlite3', ['sqlite3', scratch('script.db'), `.read ${input('script.sql')}`]),
  redis('set', count(effort, 2000, 20)),
  redis('get', count(effort, 2000, 20)),
];

function row(workload: Workload, way: Way, effort: Effort): Row {
  const { unit, things } = workload;
  return {
    name: `${workload.name}.${way}`,
    unit,
    needs: ['gcc', ...(workload.needs ?? []), ...needsOf(way)],
    open: async () =>
      ask({
        command: commandOf(way, await workload.command(compile('workload', SOURCES))),
        unit,
        samples: count(effort, workload.samples, 1),
        batch: count(effort, workload.batch, 2),
        ...(things === undefined ? {} : { things }),
      }),
  };
}

export const workloadGroups = (effort: Effort): readonly Group[] =>
  workloads(effort).map((workload) => ({
    name: workload.name,
    rounds: count(effort, workload.rounds, 1),
    rows: WAYS.map((way) => row(workload, way, effort)),
  }));
