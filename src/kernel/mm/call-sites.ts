/**
 * System calls that are entered by a jump. Where `syscall` costs much and a jump nothing, the seven bytes of
 * `mov $number, %eax; syscall` become, once such a place has made some calls, a jump of seven bytes to where the platform
 * takes calls that come so (`AddressSpace.callSites`). What a program can see of it: docs/call-sites.md.
 *
 * The page gets a copy of its own, so what is rewritten is in no file and in nobody else's memory. With whatever happens
 * to the mapping the copy goes and the file's page comes back; places in it are then rewritten anew as they are used.
 */
import { Access } from '../../platform/access.js';
import { MemoryKind, type CallSites as Jumps } from '../../platform/contract.js';
import { OutOfMemoryError } from '../../platform/errors.js';
import { PAGE_SIZE, pageRoundDown, type FileRange } from '../../platform/file-range.js';
import { Register, type Registers } from '../../platform/registers.js';
import {
  AT_SYSCALL,
  CODE_SIZE,
  CallSite,
  FIRST_UNDEFINED,
  PREFIX_SIZE,
  enterCall,
  isCall,
  isTailOfAnother,
} from './call-site.js';
import { HotCalls, type Usage } from './hot-calls.js';
import type { Credentials } from '../task/credentials.js';
import type { MemoryManager } from './memory-manager.js';
import type { Vma } from './vma.js';

/** Calls from a place, by all processes together, before it is rewritten. */
const OFTEN = 3;
/** Times that a page is rewritten: a program that undoes it again and again pays for its calls, and no more. */
const MOST_TIMES = 64;
/** Places that are remembered. */
const MOST_SITES = 512;
/** rt_sigreturn(2): unwinders know the frame of a signal by the code that makes this call. */
const RT_SIGRETURN = 15;

const REWRITTEN = { owned: true, writeProtected: true, rewritten: true } as const;

interface RewrittenPage {
  readonly sites: Set<CallSite>;
  times: number;
}

/** What is to be done about an undefined opcode. */
export type UndefinedOpcode = 'signal' | 'repeat' | 'call';

export class CallSites {
  readonly #mm: MemoryManager;
  readonly #jumps: Jumps;
  /** Undefined where nothing is known of other processes. */
  readonly #identity: Credentials | undefined;
  readonly #hot: HotCalls;
  /** By return address; undefined for what is no such place, or is left alone. */
  readonly #sites = new Map<number, CallSite | undefined>();
  /** By address: pages with places that are, or will be, rewritten. */
  readonly #pages = new Map<number, RewrittenPage>();
  readonly #code = Buffer.alloc(PREFIX_SIZE + CODE_SIZE);

  constructor(mm: MemoryManager, jumps: Jumps, identity: Credentials | undefined) {
    this.#mm = mm;
    this.#jumps = jumps;
    this.#identity = identity;
    this.#hot = HotCalls.of(mm.memory);
  }

  /** Places that are remembered. */
  get count(): number {
    return this.#sites.size;
  }

  /** A system call has come, which the registers hold: before it is answered. */
  called(registers: Registers, identity: Credentials): void {
    const returnAddress = registers.getNumber(Register.Rip);
    let site = this.#sites.get(returnAddress);
    if (site === undefined) {
      if (this.#sites.size >= MOST_SITES || this.#sites.has(returnAddress)) return;
      site = this.#examine(returnAddress, registers, identity);
      this.#sites.set(returnAddress, site);
      if (site === undefined) return;
    }
    if (site.displacement >= 0) this.#rewriteIfLost(site);
    else if (!site.makes(registers)) this.#forget(site);
    else if (++site.usage.calls >= OFTEN) this.#rewrite(pageRoundDown(site.start));
  }

  /** Whether the place that a call has come from stays as it is: it has its jump, or is not to have one. */
  isSettled(returnAddress: number): boolean {
    const site = this.#sites.get(returnAddress);
    return site === undefined || site.displacement >= 0 || site.usage.calls > OFTEN;
  }

  /** Pages of a mapping have been brought in: what other processes have found in them need not be found again. */
  populated(vma: Vma): void {
    if (this.#identity === undefined || vma.file === undefined || !mayRewrite(vma)) return;
    for (const [offset, usages] of this.#hot.pages(this.#identity, vma.file.mappable)) {
      const start = vma.start + (offset - vma.offset);
      if (start < vma.start || start >= vma.end || this.#pages.has(start)) continue;
      if (this.#mm.pages.find(start)?.owned !== false) continue;
      this.#expect(start, usages.values());
      if (this.#pages.has(start)) this.#rewrite(start);
    }
  }

  #expect(start: number, usages: Iterable<Usage>): void {
    for (const usage of usages) {
      const returnAddress = start + (usage.offset % PAGE_SIZE) + CODE_SIZE;
      if (usage.calls < OFTEN || this.#sites.size >= MOST_SITES) continue;
      this.#add(new CallSite(returnAddress, usage));
    }
  }

  #add(site: CallSite): void {
    const start = pageRoundDown(site.start);
    const page = this.#pages.get(start);
    this.#sites.set(site.returnAddress, site);
    if (page === undefined) this.#pages.set(start, { sites: new Set([site]), times: 0 });
    else page.sites.add(site);
  }

  /** An undefined opcode has been raised: makes the registers those of a call, where it is one in truth. */
  undefinedOpcode(registers: Registers): UndefinedOpcode {
    const rip = registers.getNumber(Register.Rip);
    const page = this.#pages.get(pageRoundDown(rip));
    for (const site of page?.sites ?? []) {
      const offset = rip - site.start;
      if (offset < FIRST_UNDEFINED || offset >= CODE_SIZE || site.displacement < 0) continue;
      // Another thread may have undone it since.
      if (!this.#isRewritten(rip)) return this.#isOriginal(site) ? 'repeat' : 'signal';
      if (offset === AT_SYSCALL) {
        enterCall(registers);
        return 'call';
      }
      // The program has another use for these bytes.
      this.#forget(site);
      this.#mm.pages.drop(pageRoundDown(rip), pageRoundDown(rip) + PAGE_SIZE);
      return 'repeat';
    }
    return 'signal';
  }

  /** Puts the program's own code in place of jumps, in bytes that were read at `address`. */
  restore(address: number, bytes: Uint8Array): void {
    const end = address + bytes.length;
    for (const [start, page] of this.#pages) {
      if (start >= end || start + PAGE_SIZE <= address || !this.#isRewritten(start)) continue;
      for (const site of page.sites) {
        if (site.displacement >= 0) overlay(bytes, address, site.code, site.start);
      }
    }
  }

  /** Gives a child, which starts as a copy of this memory, what is known here. @throws {OutOfMemoryError} */
  forkInto(child: CallSites): void {
    child.#jumps.copyFrom(this.#mm.addressSpace);
    for (const [start, { times }] of this.#pages) {
      child.#pages.set(start, { sites: new Set(), times });
    }
    for (const [returnAddress, site] of this.#sites) {
      const copy = site?.copy();
      child.#sites.set(returnAddress, copy);
      if (copy !== undefined) child.#pages.get(pageRoundDown(copy.start))?.sites.add(copy);
    }
  }

  /** The place that a call comes from for the first time, where it is one that can be rewritten. */
  #examine(
    returnAddress: number,
    registers: Registers,
    identity: Credentials,
  ): CallSite | undefined {
    const number = registers.low32(Register.Rax);
    const start = returnAddress - CODE_SIZE;
    const vma = this.#mm.vmas.find(start);
    const code = this.#code;
    if (vma?.file === undefined || !mayRewrite(vma) || number === RT_SIGRETURN) return undefined;
    const offset = vma.fileOffsetOf(start);
    const fits =
      pageRoundDown(start) === pageRoundDown(returnAddress - 1) &&
      this.#mm.read(start - PREFIX_SIZE, code) &&
      isCall(code.subarray(PREFIX_SIZE), number) &&
      !isTailOfAnother(code);
    if (!fits) return undefined;
    const usage =
      identity === this.#identity
        ? this.#hot.at(identity, vma.file.mappable, offset, number)
        : { offset, number, calls: 0 };
    const site = new CallSite(returnAddress, usage);
    this.#add(site);
    return site;
  }

  #rewriteIfLost(site: CallSite): void {
    const { rewrittenLost } = this.#mm.pages;
    if (site.checked === rewrittenLost) return;
    site.checked = rewrittenLost;
    if (!this.#isRewritten(site.start)) this.#rewrite(pageRoundDown(site.start));
  }

  /** Gives jumps to all places of a page that are used often. */
  #rewrite(start: number): void {
    const page = this.#pages.get(start);
    const vma = this.#mm.vmas.find(start);
    const run = this.#mm.pages.find(start);
    if (page === undefined || vma === undefined || !mayRewrite(vma)) return;
    if (run === undefined || (run.owned && !run.rewritten)) return;
    for (const site of page.sites) {
      if (page.times >= MOST_TIMES || !this.#findJump(site)) this.#forget(site);
    }
    if (page.times++ >= MOST_TIMES) return;
    const frame = run.frame + (start - run.start);
    try {
      this.#replace(vma, start, { start: frame, end: frame + PAGE_SIZE }, page);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
  }

  /** False where a place that is used often cannot have one. */
  #findJump(site: CallSite): boolean {
    if (site.displacement >= 0 || site.usage.calls < OFTEN) return true;
    site.displacement = this.#jumps.add(site.returnAddress, site.number) ?? -1;
    return site.displacement >= 0;
  }

  /** Puts a copy of the page in its place, with jumps at all the sites that have one. */
  #replace(vma: Vma, start: number, frame: FileRange, page: RewrittenPage): void {
    const { memory, pages } = this.#mm;
    const copy = memory.allocate(PAGE_SIZE, MemoryKind.Anonymous);
    try {
      const bytes = memory.mapInternal(copy, Access.Write)[0] as Uint8Array;
      bytes.set(memory.mapInternal(frame, Access.Read)[0] as Uint8Array);
      for (const site of page.sites) {
        if (site.displacement < 0) continue;
        // Another file may have been mapped here.
        if (!site.writeJump(bytes.subarray(site.start - start))) this.#forget(site);
      }
      pages.replace(start, copy, vma.pageAccess, REWRITTEN);
    } catch (error) {
      memory.decRef(copy);
      throw error;
    }
  }

  #forget(site: CallSite): void {
    this.#sites.set(site.returnAddress, undefined);
    this.#pages.get(pageRoundDown(site.start))?.sites.delete(site);
  }

  #isRewritten(address: number): boolean {
    return this.#mm.pages.find(address)?.rewritten === true;
  }

  #isOriginal(site: CallSite): boolean {
    const code = this.#code.subarray(0, CODE_SIZE);
    return this.#mm.read(site.start, code) && site.isAt(code);
  }
}

/** Whether code of the mapping may be rewritten: an image's, which nobody writes to. */
function mayRewrite(vma: Vma): boolean {
  return vma.image && !vma.shared && vma.permits(Access.Execute) && !vma.permits(Access.Write);
}

/** Lays `code`, of `codeAddress`, over `bytes`, of `address`, where they overlap. */
function overlay(bytes: Uint8Array, address: number, code: Uint8Array, codeAddress: number): void {
  const from = Math.max(address, codeAddress);
  const to = Math.min(address + bytes.length, codeAddress + code.length);
  if (from < to) bytes.set(code.subarray(from - codeAddress, to - codeAddress), from - address);
}
