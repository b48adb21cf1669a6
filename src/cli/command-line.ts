/** A command line from its arguments to the status to exit with. */
import { reportFailure } from './failure.js';
import { runCommandLine } from './program.js';

export function main(args: readonly string[]): Promise<number> {
  return runCommandLine(args).catch(reportFailure);
}
