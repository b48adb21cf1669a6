/** Pipelines of the host's shell in which chosen commands run natively, or all of them in sandboxes of their own. */
import { ringfence, run, type Outcome } from './outcome.js';

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** A command as one shell word after the other. */
export type Wrap = (...command: readonly string[]) => string;

const natively: Wrap = (...command) => command.map(quote).join(' ');
const inSandbox: Wrap = (...command) => ringfence(command).map(quote).join(' ');

/**
 * Runs the pipeline that `script` writes; commands passed through its argument are the ones under test. The
 * statuses of all its commands follow on standard error, so that they are compared too.
 */
export async function bothWays(
  script: (command: Wrap) => string,
): Promise<{ native: Outcome; guest: Outcome }> {
  const outcome = (wrap: Wrap): Promise<Outcome> =>
    run(['bash', '-c', `${script(wrap)}; echo "\${PIPESTATUS[@]}" >&2`]);
  return { native: await outcome(natively), guest: await outcome(inSandbox) };
}
