/** How the command fails: one clear line on standard error, what to do, a status, and no stack trace. */
import { writeSync } from 'node:fs';
import { inspect } from 'node:util';
import { Status } from './exit-status.js';

const STDERR = 2;

/** A failure with a status of its own; the message is complete as it is. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** Writes a line to standard error at once; a standard error that is closed changes nothing. */
export function say(line: string): void {
  try {
    writeSync(STDERR, `${line}\n`);
  } catch {
    // Nobody is there to be told.
  }
}

const ADDON_MISSING =
  'the native addon is not built; where Ringfence is installed, run: npm rebuild (or npm ci)';

function isMissingAddon(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'MODULE_NOT_FOUND' && error.message.includes('ringfence.node');
}

/** One line, whatever the error brought along. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : inspect(error);
  return message.split('\n', 1)[0] ?? '';
}

/** Says what went wrong and gives the status to exit with. RINGFENCE_DEBUG=1 adds the stack trace. */
export function reportFailure(error: unknown): number {
  const message = isMissingAddon(error) ? ADDON_MISSING : messageOf(error);
  say(`ringfence: ${message}`);
  if (process.env.RINGFENCE_DEBUG) say(inspect(error));
  return error instanceof CommandFailure ? error.status : Status.Failure;
}
