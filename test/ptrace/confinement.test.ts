import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { createPtracePlatform } from '../../src/ptrace/platform.js';
import { COMMAND } from '../cli/command.js';
import { CODE, Guest } from '../contract/guest.js';
import { isAlive, statusOf, stubsOf, templatesOf } from './stubs.js';

const LOOP = '1: syscall\n jmp 1b';
const SPIN = '1: jmp 1b';

function onPtrace(source: string): Guest {
  return new Guest(createPtracePlatform, source);
}

function onlyStub(): number {
  const [stub, ...others] = stubsOf();
  expect(others).toEqual([]);
  return stub?.pid ?? 0;
}

describe('a stub process', () => {
  it('has the guest`s mappings, one page of ours, the memory file and a socket; nothing else', () => {
    using guest = onPtrace(LOOP);
    guest.run();
    const pid = onlyStub();
    const ranges = readFileSync(`/proc/${pid}/maps`, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.includes('[vsyscall]'))
      .map((line) => line.split(' ').slice(0, 2).join(' '));
    expect(ranges).toEqual([
      '00010000-00011000 r-xs',
      '00200000-00201000 rw-s',
      '002ff000-00300000 rw-s',
      '7fffffffe000-7ffffffff000 r-xp',
    ]);
    const descriptors = readdirSync(`/proc/${pid}/fd`);
    expect(descriptors).toEqual(['0', '1']);
    expect(readlinkSync(`/proc/${pid}/fd/0`)).toContain('ringfence-memory');
    expect(readlinkSync(`/proc/${pid}/fd/1`)).toMatch(/^socket:/);
  });

  it('is under a filter, in a session of its kind, in the root directory, and leaves no core', () => {
    using guest = onPtrace(LOOP);
    guest.run();
    const pid = onlyStub();
    expect(statusOf(pid, 'Seccomp')).toBe('2');
    expect(statusOf(pid, 'NoNewPrivs')).toBe('1');
    expect(statusOf(pid, 'TracerPid')).not.toBe('0');
    expect(stubsOf()[0]?.session).toBe(templatesOf()[0]?.pid);
    expect(statusOf(process.pid, 'NSsid')).not.toBe(statusOf(pid, 'NSsid'));
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
    expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/Max core file size\s+0\s+0/);
  });

  it('is gone with its platform, whatever is released or disposed of first', async () => {
    const guest = onPtrace(SPIN);
    const pending = guest.context.switch(guest.space, guest.registers, -1);
    await sleep(5);
    expect(stubsOf()).toHaveLength(1);
    guest.context.interrupt();
    expect(await pending).toBe(SwitchResult.Interrupt);
    guest.space.release();
    const spaces = [1, 2, 3].map(() => guest.newSpace(LOOP));
    expect(stubsOf()).toHaveLength(3);
    spaces[1]?.release();
    spaces[1]?.release();
    expect(templatesOf()).toHaveLength(1);
    guest.platform.dispose();
    expect([...stubsOf(), ...templatesOf()]).toEqual([]);
    for (const space of spaces) space.release();
    guest.platform.dispose();
  });

  it('that is killed from outside fails the switch, and not the platform', async () => {
    using guest = onPtrace(SPIN);
    const pending = guest.context.switch(guest.space, guest.registers, -1);
    await sleep(5);
    process.kill(onlyStub(), 'SIGKILL');
    await expect(pending).rejects.toThrow(/stub process has died/);
    expect(() => guest.run()).toThrow(/stub process has died/);
    guest.space.release();
    const space = guest.newSpace(LOOP);
    const registers = guest.start(new Registers());
    expect(guest.context.switchSync(space, registers, -1)).toBe(SwitchResult.Syscall);
  });

  it('that is killed while the calling thread switches fails the switch, whoever traces its other threads', async () => {
    using guest = onPtrace(SPIN);
    const pending = guest.context.switch(guest.space, guest.registers, -1);
    await sleep(5);
    guest.context.interrupt();
    expect(await pending).toBe(SwitchResult.Interrupt);
    const killer = spawn('/bin/sh', ['-c', `sleep 0.2; kill -9 ${onlyStub()}`]);
    expect(() => guest.run()).toThrow(/stub process has died/);
    await once(killer, 'exit');
    guest.space.release();
    expect(stubsOf()).toEqual([]);
  });

  it('is not stopped for good by signals from outside', async () => {
    using guest = onPtrace(SPIN);
    const stub = onlyStub();
    const pending = guest.context.switch(guest.space, guest.registers, -1);
    const signals = ['SIGTERM', 'SIGSEGV', 'SIGTRAP', 'SIGUSR1', 'SIGSTOP', 'SIGTSTP'] as const;
    // At once, when the thread that runs the guest may not be traced yet, and later.
    for (const wait of [0, 0, 5, 0, 2]) {
      for (const signal of signals) process.kill(stub, signal);
      await sleep(wait);
    }
    guest.context.interrupt();
    expect(await pending).toBe(SwitchResult.Interrupt);
    expect(guest.registers.getNumber(Register.Rip)).toBe(CODE);
  });

  it('dies with the process that traces it, killed at any moment', async () => {
    for (const wait of [300, 500]) {
      const args = [
        COMMAND,
        'run',
        '--platform',
        'ptrace',
        '--',
        '/bin/sh',
        '-c',
        'while :; do :; done',
      ];
      const child = spawn(process.execPath, args, { stdio: 'ignore' });
      let stubs: number[] = [];
      while (stubs.length === 0) {
        await sleep(5);
        stubs = stubsOf(child.pid).map(({ pid }) => pid);
      }
      stubs.push(...templatesOf(child.pid).map(({ pid }) => pid));
      expect(stubs.length).toBeGreaterThan(1);
      await sleep(wait);
      child.kill('SIGKILL');
      for (let i = 0; stubs.some(isAlive) && i < 200; i++) await sleep(10);
      expect(stubs.filter(isAlive)).toEqual([]);
    }
  });
});

describe('a guest cannot reach the host`s kernel', () => {
  const MARK = 1234;

  it.each<[string, string]>([
    ['exit_group', 'movl $231, %eax\n xorl %edi, %edi'],
    ['kill of every process', 'movl $62, %eax\n movq $-1, %rdi\n movl $9, %esi'],
    ['ptrace', 'movl $101, %eax\n xorl %edi, %edi'],
    ['a call of the x32 table', 'movl $0x40000027, %eax'],
    ['rt_sigreturn', 'movl $15, %eax'],
  ])('by %s', (_name, source) => {
    using guest = onPtrace(`${source}\n syscall\n movl $${MARK}, %ebx\n ${LOOP}`);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.registers.getNumber(Register.Rbx)).toBe(MARK);
  });

  it('by the stub`s own instructions, from which calls are let through', () => {
    using guest = onPtrace(LOOP);
    const { platform, registers } = guest;
    // munmap of the guest's code, by whatever stands at each place of the stub's page.
    for (let offset = 0; offset < 1024; offset++) {
      guest.start(registers, platform.maxUserAddress + offset);
      registers.setNumber(Register.Rax, 11);
      registers.setNumber(Register.Rdi, CODE);
      registers.setNumber(Register.Rsi, 4096);
      expect([SwitchResult.Syscall, SwitchResult.Signal]).toContain(guest.run());
      guest.start(registers);
      expect(guest.run(), `behind offset ${offset}`).toBe(SwitchResult.Syscall);
    }
    expect(stubsOf()).toHaveLength(1);
  });

  it('by a 32-bit call, which faults where it is', () => {
    using guest = onPtrace('movl $1, %eax\n int $0x80');
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.fault()).toEqual({ signo: 11, code: 0x80, address: 0, access: 0 });
    expect(guest.registers.getNumber(Register.Rip)).toBe(CODE + 5);
    expect(guest.registers.getNumber(Register.Rax)).toBe(1);
  });

  it('by 32-bit code', () => {
    using guest = onPtrace(
      `leaq 1f(%rip), %rax\n pushq $0x23\n pushq %rax\n lretq
       1: .byte 0xb8, 1, 0, 0, 0, 0xcd, 0x80, 0x0f, 0x34, 0x0f, 0x05, 0xeb, 0xfe`,
    );
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.fault().signo).toBe(11);
    expect(stubsOf()).toHaveLength(1);
  });

  it('by the vsyscall page, in which nothing is mapped for it', () => {
    using guest = onPtrace('movq $0xffffffffff600000, %rax\n callq *%rax\n syscall');
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.fault()).toEqual({
      signo: 11,
      code: 1,
      address: 0xffffffffff600000,
      access: Access.Execute,
    });
    expect(guest.registers.get(Register.Rip)).toBe(0xffffffffff600000n);
    guest.start(guest.registers, CODE + 9);
    expect(guest.run()).toBe(SwitchResult.Syscall);
  });
});
