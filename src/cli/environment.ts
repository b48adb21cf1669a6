/**
 * The guest's environment. Nothing of the host's gets in but what was asked for by name; as in a container, a
 * guest starts with a PATH, a HOME and, on a terminal, the TERM that says how to drive it.
 */

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface EnvironmentFacts {
  readonly uid: number;
  /** TERM of the host, where the guest gets the host's terminal. */
  readonly terminalType: string | undefined;
}

/** `NAME=VALUE` strings: the defaults, and `requested` over them; the last of one name counts. */
export function guestEnvironment(
  requested: readonly string[],
  facts: EnvironmentFacts,
): readonly string[] {
  const variables = new Map([
    ['PATH', DEFAULT_PATH],
    ['HOME', facts.uid === 0 ? '/root' : '/'],
  ]);
  if (facts.terminalType !== undefined) variables.set('TERM', facts.terminalType);
  for (const variable of requested) {
    const equals = variable.indexOf('=');
    variables.set(variable.slice(0, equals), variable.slice(equals + 1));
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}
