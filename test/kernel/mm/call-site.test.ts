import { describe, expect, it } from 'vitest';
import { CallSite, isCall, isTailOfAnother } from '../../../src/kernel/mm/call-site.js';
import { HotCalls } from '../../../src/kernel/mm/hot-calls.js';
import type { Mappable } from '../../../src/kernel/mm/mappable.js';
import { simpleCredentials } from '../../../src/kernel/task/credentials.js';
import type { GuestMemory } from '../../../src/kernel/guest.js';

const GETPPID = [0xb8, 110, 0, 0, 0, 0x0f, 0x05];

function site(): CallSite {
  const made = new CallSite(0x10007, { offset: 0, number: 110, calls: 0 });
  made.displacement = 0xd4061606;
  return made;
}

describe('a place that makes a system call', () => {
  it('is seven bytes with the number in them', () => {
    expect(isCall(Uint8Array.from([...GETPPID, 0x90]), 110)).toBe(true);
    expect(isCall(Uint8Array.from(GETPPID), 111)).toBe(false);
    expect(isCall(Uint8Array.from(GETPPID.slice(0, 6)), 110)).toBe(false);
  });

  it('takes a jump in its place, and the same jump again, and leaves other code alone', () => {
    const bytes = Uint8Array.from([...GETPPID, 0x90]);
    expect(site().writeJump(bytes)).toBe(true);
    expect([...bytes]).toEqual([0xff, 0x24, 0x25, 0x06, 0x16, 0x06, 0xd4, 0x90]);
    expect(site().writeJump(bytes)).toBe(true);
    const other = Uint8Array.from([...GETPPID.slice(0, 6), 0x06]);
    expect(site().writeJump(other)).toBe(false);
    expect(other[0]).toBe(0xb8);
  });

  it.each([
    ['mov $n, %r8d', [0x90, 0x90, 0x41]],
    ['mov $n, %ax', [0x90, 0x90, 0x66]],
    ['a segment override', [0x90, 0x90, 0x64]],
    ['popcnt', [0x90, 0xf3, 0x0f]],
    ['lea n(%rax), %edi', [0x90, 0x90, 0x8d]],
    ['movl $n, -0x48(%rbp)', [0x90, 0xc7, 0x45]],
    ['cmpl $n, -0x48(%rbp)', [0x90, 0x81, 0x7d]],
    ['movl $n, -0x48(%rsp)', [0xc7, 0x44, 0x24]],
  ])('may be the tail of another instruction: %s', (_, prefix) => {
    expect(isTailOfAnother(Uint8Array.from(prefix))).toBe(true);
  });

  it.each([
    ['mov %ecx, %edx', [0x90, 0x89, 0xca]],
    ['je', [0x00, 0x74, 0x17]],
    ['nopl', [0x1f, 0x40, 0x00]],
    ['cmova', [0x0f, 0x47, 0xd0]],
    ['ret', [0x66, 0x90, 0xc3]],
  ])('is no tail behind %s', (_, prefix) => {
    expect(isTailOfAnother(Uint8Array.from(prefix))).toBe(false);
  });
});

describe('what is known of places', () => {
  const hot = HotCalls.of({} as GuestMemory);
  const root = simpleCredentials(0, 0, []);
  const file = {} as Mappable;

  it('is shared by processes of one identity, and told to no other', () => {
    hot.at(root, file, 0x1234, 39).calls = 5;
    expect(hot.at(root, file, 0x1234, 39).calls).toBe(5);
    expect([...hot.pages(root, file).keys()]).toEqual([0x1000]);
    expect(hot.pages(simpleCredentials(0, 0, []), file).size).toBe(0);
  });

  it('is forgotten where another call is made from there', () => {
    hot.at(root, file, 0x1234, 39).calls = 5;
    expect(hot.at(root, file, 0x1234, 40).calls).toBe(0);
  });

  it('is bounded, by the file and in all', () => {
    const count = (of: Mappable): number =>
      [...hot.pages(root, of).values()].reduce((sum, usages) => sum + usages.size, 0);
    for (let offset = 0; offset < 100_000; offset += 16) hot.at(root, file, offset, 1);
    expect(count(file)).toBeLessThanOrEqual(256);
    const files = Array.from({ length: 1000 }, () => ({}) as Mappable);
    for (const other of files) hot.at(root, other, 0, 1);
    expect(files.filter((other) => count(other) > 0).length).toBeLessThanOrEqual(256);
  });
});
