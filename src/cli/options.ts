/** Values of `run`'s options, from text to what they mean. Bad ones throw what commander reports. */
import { InvalidArgumentError } from 'commander';
import type { NetworkMode, PlatformName } from '../options.js';

/** A host directory or file that the guest sees at a path of its own. */
export interface Bind {
  readonly host: string;
  readonly guest: string;
  readonly readOnly: boolean;
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/** Less than this and not even a small static program has room for its pages and stack. */
export const MIN_MEMORY = 4 * 1024 ** 2;

/** Host memory is taken only as the guest touches it, so a generous limit costs nothing. */
export const DEFAULT_MEMORY = '2g';

/** `512m`, `2g`, `1.5g`, `1073741824`: a count of bytes, units of 1024. */
export function parseMemory(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text);
  const number = match?.[1];
  const unit = UNITS[match?.[2]?.toLowerCase() ?? ''];
  if (number === undefined || unit === undefined) {
    throw new InvalidArgumentError('A size is a number and a unit, as in 512m or 2g.');
  }
  const bytes = Math.floor(Number(number) * unit);
  if (bytes < MIN_MEMORY) {
    throw new InvalidArgumentError('Too small: a guest needs at least 4m.');
  }
  if (!Number.isSafeInteger(bytes)) throw new InvalidArgumentError('Too large.');
  return bytes;
}

/** `HOST:GUEST` or `HOST:GUEST:ro`, added to those before it. */
export function collectBind(text: string, previous: readonly Bind[] = []): readonly Bind[] {
  const [host, guest, mode, ...rest] = text.split(':');
  if (!host || !guest || rest.length > 0) {
    throw new InvalidArgumentError('A bind is HOST:GUEST or HOST:GUEST:ro.');
  }
  if (mode !== undefined && mode !== 'ro' && mode !== 'rw') {
    throw new InvalidArgumentError(`What follows the second colon is ro or rw, not "${mode}".`);
  }
  if (!guest.startsWith('/')) {
    throw new InvalidArgumentError('The guest path of a bind is absolute: it starts with /.');
  }
  return [...previous, { host, guest, readOnly: mode === 'ro' }];
}

/** `NAME=VALUE`, or `NAME` alone for the value the host's environment has, added to those before it. */
export function collectEnv(text: string, previous: readonly string[] = []): readonly string[] {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (name === '') throw new InvalidArgumentError('A variable is NAME=VALUE, or NAME alone.');
  if (equals >= 0) return [...previous, text];
  const value = process.env[name];
  // As docker has it: a name that the host does not set is not set in the guest either.
  return value === undefined ? previous : [...previous, `${name}=${value}`];
}

/** A count of virtual CPUs. How many are too many is the platform's to say. */
export function parseVcpus(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) {
    throw new InvalidArgumentError('A number of vCPUs is a whole number from 1 up.');
  }
  return Number(text);
}

/** What the guest's network leads to. */
export function parseNetwork(text: string): NetworkMode {
  if (text !== 'none' && text !== 'host') {
    throw new InvalidArgumentError('A network is none or host.');
  }
  return text;
}

export function parsePlatform(text: string): 'auto' | PlatformName {
  if (text !== 'auto' && text !== 'kvm' && text !== 'ptrace') {
    throw new InvalidArgumentError('A platform is auto, kvm or ptrace.');
  }
  return text;
}
