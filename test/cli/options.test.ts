import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  collectBind,
  collectEnv,
  MIN_MEMORY,
  parseMemory,
  parseNetwork,
  parsePlatform,
  parseVcpus,
} from '../../src/cli/options.js';

describe('--memory', () => {
  it.each([
    ['512m', 512 * 1024 ** 2],
    ['2g', 2 * 1024 ** 3],
    ['2G', 2 * 1024 ** 3],
    ['2GiB', 2 * 1024 ** 3],
    ['1.5g', 1.5 * 1024 ** 3],
    ['16777216', 16777216],
    ['16777216b', 16777216],
    ['8192k', 8192 * 1024],
    ['1t', 1024 ** 4],
  ])('%s', (text, bytes) => {
    expect(parseMemory(text)).toBe(bytes);
  });

  it.each(['', 'm', '12x', '-1g', '1g2', '0x10m', '1e9', ' 1g', 'NaN'])('refuses "%s"', (text) => {
    expect(() => parseMemory(text)).toThrow(/number and a unit/);
  });

  it('refuses what no guest fits in', () => {
    expect(() => parseMemory('0')).toThrow(/at least 4m/);
    expect(() => parseMemory(String(MIN_MEMORY - 1))).toThrow(/at least 4m/);
    expect(parseMemory(String(MIN_MEMORY))).toBe(MIN_MEMORY);
  });

  it('refuses what a number cannot hold', () => {
    expect(() => parseMemory('99999999999t')).toThrow(/Too large/);
  });

  it('gives a safe integer or throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(Number.isSafeInteger(parseMemory(text))).toBe(true);
        } catch (error) {
          expect(error).toHaveProperty('code', 'commander.invalidArgument');
        }
      }),
    );
  });
});

describe('--bind', () => {
  it('takes a path pair, read-write unless said otherwise', () => {
    expect(collectBind('data:/data')).toEqual([{ host: 'data', guest: '/data', readOnly: false }]);
    expect(collectBind('/a:/b:ro')).toEqual([{ host: '/a', guest: '/b', readOnly: true }]);
    expect(collectBind('/a:/b:rw')).toEqual([{ host: '/a', guest: '/b', readOnly: false }]);
  });

  it('adds to those before it', () => {
    expect(collectBind('/c:/d', collectBind('/a:/b'))).toHaveLength(2);
  });

  it.each(['', '/a', ':/b', '/a:', '/a:/b:ro:x'])('refuses "%s"', (text) => {
    expect(() => collectBind(text)).toThrow(/HOST:GUEST/);
  });

  it('refuses a mode that is neither ro nor rw', () => {
    expect(() => collectBind('/a:/b:rx')).toThrow(/ro or rw, not "rx"/);
  });

  it('refuses a relative guest path', () => {
    expect(() => collectBind('/a:b')).toThrow(/absolute/);
  });
});

describe('--env', () => {
  it('takes NAME=VALUE as it is, an empty value and further equals signs too', () => {
    expect(collectEnv('A=b=c', collectEnv('E='))).toEqual(['E=', 'A=b=c']);
  });

  it('takes the value of the host for a name alone, and nothing where the host has none', () => {
    process.env.RINGFENCE_TEST_VALUE = 'from the host';
    expect(collectEnv('RINGFENCE_TEST_VALUE')).toEqual(['RINGFENCE_TEST_VALUE=from the host']);
    delete process.env.RINGFENCE_TEST_VALUE;
    expect(collectEnv('RINGFENCE_TEST_VALUE')).toEqual([]);
  });

  it.each(['', '=x'])('refuses "%s"', (text) => {
    expect(() => collectEnv(text)).toThrow(/NAME=VALUE/);
  });
});

describe('--platform, --net and --vcpus', () => {
  it('takes the platforms that there are', () => {
    for (const name of ['auto', 'kvm', 'ptrace']) expect(parsePlatform(name)).toBe(name);
    expect(() => parsePlatform('qemu')).toThrow(/auto, kvm or ptrace/);
  });

  it('takes the networks that there are', () => {
    for (const name of ['none', 'host']) expect(parseNetwork(name)).toBe(name);
    expect(() => parseNetwork('bridge')).toThrow(/none or host/);
  });

  it('takes a count of vCPUs', () => {
    expect(parseVcpus('4')).toBe(4);
  });

  it.each(['0', '-1', '99999', '1.5', 'two', ''])('refuses %s vCPUs', (text) => {
    expect(() => parseVcpus(text)).toThrow(/whole number/);
  });
});
