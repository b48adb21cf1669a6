/**
 * Restartable sequences, rseq(2) (the kernel's Documentation/userspace-api/rseq, <linux/rseq.h>): the program learns
 * the number of the CPU it runs on from its memory, and a sequence of instructions that was cut short, because another
 * thread ran on that CPU or a signal is delivered, goes on at its abort address.
 */
import { Register } from '../../platform/registers.js';
import { SiCode, Signo } from '../abi/signal.js';
import { readWord } from '../abi/word.js';
import type { Task } from './task.js';

/** Offsets in `struct rseq`. */
const CPU_ID_START = 0;
const RSEQ_CS = 8;
/** cpu_id_start, cpu_id; then behind rseq_cs and flags: node_id, mm_cid. */
const NODE_ID = 20;
/** `struct rseq_cs`. */
const DESCRIPTOR_SIZE = 32;
const SIGNATURE_SIZE = 4;

export class RestartableSequence {
  /** The CPU number in the program's memory. */
  cpu = -1;

  constructor(
    readonly address: number,
    readonly length: number,
    readonly signature: number,
  ) {}

  copy(): RestartableSequence {
    return new RestartableSequence(this.address, this.length, this.signature);
  }
}

/** The thread may have been preempted: aborts what it was in, and publishes where it runs now. */
export function onPreempted(task: Task): void {
  abortSequence(task);
  publishCpu(task, Math.max(task.context.cpu, 0));
}

/** Moves a thread that is inside a sequence to the sequence's abort address. */
export function abortSequence(task: Task): void {
  const { rseq, mm, registers } = task;
  if (rseq === undefined) return;
  const pointer = Buffer.alloc(8);
  if (!mm.read(rseq.address + RSEQ_CS, pointer)) {
    fail(task);
    return;
  }
  const at = readWord(pointer, 0);
  if (at === 0) return;
  const descriptor = Buffer.alloc(DESCRIPTOR_SIZE);
  if (!mm.read(at, descriptor)) {
    fail(task);
    return;
  }
  const [start, length, abort] = [8, 16, 24].map((offset) => readWord(descriptor, offset)) as [
    number,
    number,
    number,
  ];
  const rip = registers.getNumber(Register.Rip);
  // Linux leaves what is not running alone, but for forgetting it.
  if (rip < start || rip >= start + length) {
    if (mm.write(rseq.address + RSEQ_CS, new Uint8Array(8)) !== 0) fail(task);
    return;
  }
  const isSound =
    descriptor.readUInt32LE(0) === 0 && abort < mm.layout.top && !within(abort, start, length);
  if (!isSound || !hasSignature(task, abort, rseq.signature)) {
    fail(task);
    return;
  }
  if (mm.write(rseq.address + RSEQ_CS, new Uint8Array(8)) !== 0) fail(task);
  else registers.setNumber(Register.Rip, abort);
}

function within(address: number, start: number, length: number): boolean {
  return address >= start && address < start + length;
}

/** The word before an abort address says that it is meant to be one. */
function hasSignature(task: Task, abort: number, signature: number): boolean {
  const word = Buffer.alloc(SIGNATURE_SIZE);
  return task.mm.read(abort - SIGNATURE_SIZE, word) && word.readUInt32LE(0) === signature;
}

/** Writes the CPU number where the program reads it; `cpu` -1: uninitialised, as at the start. */
export function publishCpu(task: Task, cpu: number): void {
  const { rseq, mm } = task;
  if (rseq === undefined || rseq.cpu === cpu) return;
  rseq.cpu = cpu;
  const numbers = new Uint8Array(Uint32Array.of(cpu, cpu).buffer);
  const more = new Uint8Array(Uint32Array.of(0, cpu).buffer);
  let error = mm.write(rseq.address + CPU_ID_START, numbers);
  if (error === 0 && rseq.length >= NODE_ID + more.length) {
    error = mm.write(rseq.address + NODE_ID, more);
  }
  if (error !== 0) fail(task);
}

function fail(task: Task): void {
  task.rseq = undefined;
  task.forceSignal({ signo: Signo.SIGSEGV, code: SiCode.SI_KERNEL, address: 0n });
}
