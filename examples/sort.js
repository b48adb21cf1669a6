// Runs a program in a sandbox and reads what it printed: node examples/sort.js
import { run } from 'ringfence';

const { stdout, stderr, exitCode, signal } = await run('sort', ['--numeric-sort'], {
  input: '10\n9\n100\n1\n',
  memory: 256 * 1024 ** 2,
  signal: AbortSignal.timeout(60_000),
});

if (exitCode === 0) console.log(`sorted: ${stdout.trim().split('\n').join(' ')}`);
else console.error(`sort ended with ${signal ?? exitCode}: ${stderr}`);
