/** Scripts of ours that drive Debian's programs, each in a directory of its own, natively and in a sandbox. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { it } from 'vitest';

import { patience } from '../patience.js';
import { ENVIRONMENT, run, runGuest, type Outcome } from './outcome.js';
import { expectSame } from './same.js';

/** What a script may print of times, ids and addresses becomes the same on both sides. */
export type Normalise = (text: string) => string;

interface Program {
  /** What runs the script: a path of the guest, and arguments before the script's. */
  readonly interpreter: readonly string[];
  /** File below test/real/programs. */
  readonly script: string;
  /** Programs that it runs; where one is missing the test is skipped, and its package named. */
  readonly needs?: Readonly<Record<string, string>>;
  readonly normalise?: Normalise;
  /** Its directory is the host's, bound; else it is a layer in the sandbox's memory. */
  readonly bound?: boolean;
}

function isInstalled(program: string): boolean {
  return ENVIRONMENT.PATH.split(delimiter).some((folder) => existsSync(join(folder, program)));
}

function lackOf(needs: Readonly<Record<string, string>>): string | undefined {
  const missing = Object.entries(needs).filter(([program]) => !isInstalled(program));
  const packages = [...new Set(missing.map(([, name]) => name))];
  return packages.length === 0 ? undefined : `not installed: ${packages.join(' ')}`;
}

function normalised(outcome: Outcome, normalise: Normalise): Outcome {
  const apply = (bytes: Buffer): Buffer =>
    Buffer.from(normalise(bytes.toString('latin1')), 'latin1');
  return { ...outcome, stdout: apply(outcome.stdout), stderr: apply(outcome.stderr) };
}

async function inOwnDirectory(program: Program, sandboxed: boolean): Promise<Outcome> {
  const directory = mkdtempSync('/tmp/ringfence-program-');
  try {
    const script = fileURLToPath(new URL(`programs/${program.script}`, import.meta.url));
    const bind = program.bound === true ? ['--bind', `${directory}:${directory}`] : [];
    const options = { cwd: directory, input: 'input\n', run: [...bind, '--cwd', directory] };
    const outcome = await (sandboxed ? runGuest : run)([...program.interpreter, script], options);
    return normalised(outcome, (text) =>
      (program.normalise ?? ((same) => same))(text.replaceAll(directory, '<directory>')),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A few seconds on a quiet machine; on a busy one as many minutes are no failure. */
const PATIENCE = patience(600_000);

/** Declares the test: the script does in a sandbox what it does natively, and ends well in both. */
export function itRunsAsNative(name: string, program: Program): void {
  const lacking = lackOf(program.needs ?? {});
  it.skipIf(lacking !== undefined)(
    name,
    { timeout: PATIENCE, meta: lacking ? { lacking } : {} },
    async ({ expect }) => {
      const [native, guest] = await Promise.all([
        inOwnDirectory(program, false),
        inOwnDirectory(program, true),
      ]);
      expectSame(guest, native);
      expect(native.status).toBe(0);
    },
  );
}
