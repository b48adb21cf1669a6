/**
 * Where things lie in a new address space, as Linux places them on x86-64 (arch/x86/mm/mmap.c, fs/binfmt_elf.c):
 *
 *   top of user memory
 *     stack, growing down        a random 0 to 16 GiB below the top
 *     mappings, top down         below room for the stack and a random 0 to 1 TiB
 *     heap                       a random 0 to 32 MiB above the program
 *     a position-independent program   at two thirds of the address space and a random 0 to 1 TiB
 */
import { randomInt } from '../../host/random.js';
import { PAGE_SIZE, pageRoundDown, pageRoundUp } from '../../platform/file-range.js';
import { STACK_GUARD_GAP } from './vma-set.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const STACK_RANDOM = 16 * GIB;
const MMAP_RANDOM_PAGES = 2 ** 28;
const MIN_GAP = 128 * MIB;
export const BRK_RANDOM = 32 * MIB;
/** `vm.mmap_min_addr`. */
export const MMAP_MIN_ADDRESS = 65536;

export interface AddressLayout {
  /** First address behind the last usable one. */
  readonly top: number;
  /** End of the stack. */
  readonly stackTop: number;
  /** Mappings without an address are placed below it, the highest room first. */
  readonly mmapBase: number;
  /** Where a position-independent program with an interpreter is loaded. */
  readonly programBase: number;
}

/** Gives a random integer of [0, limit). */
export type Random = (limit: number) => number;

export function randomPages(limitBytes: number, random: Random = randomInt): number {
  return random(limitBytes / PAGE_SIZE) * PAGE_SIZE;
}

export function chooseLayout(
  maxUserAddress: number,
  stackLimit: number,
  random: Random = randomInt,
): AddressLayout {
  const top = pageRoundDown(maxUserAddress);
  const stackTop = top - randomPages(STACK_RANDOM, random);
  const maxGap = pageRoundDown((top / 6) * 5);
  const stackRoom = pageRoundUp(Math.min(Math.max(stackLimit + STACK_GUARD_GAP, MIN_GAP), maxGap));
  const gap = Math.min(stackRoom + STACK_RANDOM, maxGap);
  return {
    top,
    stackTop,
    mmapBase: top - gap - random(MMAP_RANDOM_PAGES) * PAGE_SIZE,
    programBase: pageRoundDown((top / 3) * 2) + random(MMAP_RANDOM_PAGES) * PAGE_SIZE,
  };
}
