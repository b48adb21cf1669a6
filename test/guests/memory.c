/*
 * memory FILE: brk, mmap, munmap, mprotect, mremap and madvise, anonymous and of files, with the contents
 * checked. Prints a line for everything it finds out, the same on every Linux. FILE is a path it may create
 * and remove.
 */
#include "guest.h"

#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define SCRATCH 0x300000000000UL /* nothing of ours or of the kernel's is near it */

static long mmap_at(word address, word length, word prot, word flags, long fd, word offset) {
  return syscall6(__NR_mmap, address, length, prot, flags, (word)fd, offset);
}

static char *map(word pages) { return (char *)mmap_at(0, pages * PAGE, RW, ANONYMOUS, -1, 0); }

static void report(const char *what, long value) {
  print(what);
  print(": ");
  print_decimal(value);
  print("\n");
}

/* Whether the kernel can read, or write, a byte there; asking it costs no fault of our own. */
static int readable(const void *address) { return syscall3(__NR_open, address, O_RDONLY, 0) != -14; }
static int writable(const void *address) { return syscall3(__NR_getrandom, address, 1, 0) == 1; }

static void report_access(const char *what, const void *address) {
  print(what);
  print(readable(address) ? ": readable" : ": not readable");
  print(writable(address) ? ", writable\n" : ", not writable\n");
}

static void fill(char *start, word pages, word seed) {
  for (word i = 0; i < pages * PAGE / 8; i++)
    ((word *)start)[i] = (seed + i) * 0x9e3779b97f4a7c15;
}

static long wrong_words(const char *start, word pages, word seed) {
  long wrong = 0;
  for (word i = 0; i < pages * PAGE / 8; i++)
    wrong += ((const word *)start)[i] != (seed + i) * 0x9e3779b97f4a7c15;
  return wrong;
}

static long nonzero_words(const char *start, word pages) {
  long found = 0;
  for (word i = 0; i < pages * PAGE / 8; i++)
    found += ((const word *)start)[i] != 0;
  return found;
}

static void breaks(void) {
  word start = (word)syscall1(__NR_brk, 0);
  word page = (start + PAGE - 1) & -PAGE;
  report("brk up", syscall1(__NR_brk, page + 16 * PAGE) == (long)(page + 16 * PAGE));
  report("brk fresh", nonzero_words((char *)page, 16));
  fill((char *)page, 16, 1);
  report("brk down", syscall1(__NR_brk, page + 4 * PAGE) == (long)(page + 4 * PAGE));
  report("brk kept", wrong_words((char *)page, 4, 1));
  report_access("brk gone", (char *)page + 4 * PAGE);
  syscall1(__NR_brk, page + 16 * PAGE);
  report("brk fresh again", nonzero_words((char *)page + 4 * PAGE, 12));
  report("brk inside a page", syscall1(__NR_brk, page + 5 * PAGE + 7) == (long)(page + 5 * PAGE + 7));
  report_access("brk last page", (char *)page + 5 * PAGE + 100);
  report("brk below the start", syscall1(__NR_brk, start - PAGE) == (long)(page + 5 * PAGE + 7));
  report("brk too far", syscall1(__NR_brk, 1UL << 62) == (long)(page + 5 * PAGE + 7));
  report("brk back", syscall1(__NR_brk, start) == (long)start);
}

static void anonymous(void) {
  char *p = map(64);
  report("fresh", nonzero_words(p, 64));
  fill(p, 64, 2);
  report("hole", syscall2(__NR_munmap, p + 16 * PAGE, 16 * PAGE));
  report("before the hole", wrong_words(p, 16, 2));
  report("behind the hole", wrong_words(p + 32 * PAGE, 32, 2 + 32 * PAGE / 8));
  report_access("in the hole", p + 20 * PAGE);
  report("into the hole", mmap_at((word)p + 16 * PAGE, 16 * PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
                                  0) == (long)(p + 16 * PAGE));
  report("no replacing", mmap_at((word)p + 31 * PAGE, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  report("hole is fresh", nonzero_words(p + 16 * PAGE, 16));
  report("replace", mmap_at((word)p, 8 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0) == (long)p);
  report("replaced is fresh", nonzero_words(p, 8));
  report("behind the replaced", wrong_words(p + 8 * PAGE, 8, 2 + 8 * PAGE / 8));
  report("discard", syscall3(__NR_madvise, p + 40 * PAGE, 4 * PAGE, MADV_DONTNEED));
  report("discarded is fresh", nonzero_words(p + 40 * PAGE, 4));
  report("behind the discarded", wrong_words(p + 44 * PAGE, 20, 2 + 44 * PAGE / 8));
  report("unmap all", syscall2(__NR_munmap, p, 64 * PAGE));
  report("unmap again", syscall2(__NR_munmap, p, 64 * PAGE));
  report_access("all gone", p);
  word address = (word)mmap_at(0, 3 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  fill((char *)address, 3, 3);
  report("shared anonymous", wrong_words((char *)address, 3, 3));
  syscall2(__NR_munmap, address, 3 * PAGE);
}

static void anonymous_errors(void) {
  report("length 0", mmap_at(0, 0, RW, ANONYMOUS, -1, 0));
  report("length -1", mmap_at(0, (word)-1, RW, ANONYMOUS, -1, 0));
  report("length 1 << 47", mmap_at(0, 1UL << 47, RW, ANONYMOUS, -1, 0));
  report("no sharing flag", mmap_at(0, PAGE, RW, MAP_ANONYMOUS, -1, 0));
  report("fixed, unaligned", mmap_at(SCRATCH + 1, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
  report("fixed, in the kernel's half", mmap_at(0xffff800000000000, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
  report("fixed, at the end", mmap_at(0x7ffffffff000, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
  report("fixed, over the end", mmap_at(0x7fffffffe000, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
  word last = mmap_at(0x7fffffffe000, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0);
  report("last page fixed", last == 0x7fffffffe000);
  if (last == 0x7fffffffe000)
    *(volatile char *)0x7fffffffefff = 1;
  report("last page gone", syscall2(__NR_munmap, 0x7fffffffe000, PAGE));
  report("offset unaligned", mmap_at(0, PAGE, RW, ANONYMOUS, -1, 5));
  report("bad descriptor", mmap_at(0, PAGE, PROT_READ, MAP_PRIVATE, 77, 0));
  report("munmap unaligned", syscall2(__NR_munmap, SCRATCH + 1, PAGE));
  report("munmap length 0", syscall2(__NR_munmap, SCRATCH, 0));
  report("munmap beyond", syscall2(__NR_munmap, SCRATCH, 1UL << 47));
  report("munmap nothing", syscall2(__NR_munmap, SCRATCH, PAGE));
  report("mprotect nothing", syscall3(__NR_mprotect, SCRATCH, PAGE, RW));
  report("mprotect length 0", syscall3(__NR_mprotect, SCRATCH, 0, RW));
  report("mprotect unaligned", syscall3(__NR_mprotect, SCRATCH + 8, PAGE, RW));
  report("madvise nothing", syscall3(__NR_madvise, SCRATCH, PAGE, MADV_DONTNEED));
  report("madvise unknown", syscall3(__NR_madvise, SCRATCH, PAGE, 12345));
  report("mremap nothing", syscall5(__NR_mremap, SCRATCH, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0));
}

static void protection(void) {
  char *p = map(32);
  fill(p, 32, 4);
  report("mprotect", syscall3(__NR_mprotect, p + 8 * PAGE, 8 * PAGE, PROT_READ));
  report_access("read-only", p + 9 * PAGE);
  report_access("before it", p + 7 * PAGE + 100);
  report_access("behind it", p + 16 * PAGE);
  fill(p, 8, 4), fill(p + 16 * PAGE, 16, 4 + 16 * PAGE / 8);
  report("kernel writes to it", syscall3(__NR_getrandom, p + 8 * PAGE, 8, 0));
  report("none", syscall3(__NR_mprotect, p + 10 * PAGE, 2 * PAGE, PROT_NONE));
  report_access("no access", p + 11 * PAGE);
  report("kernel reads up to it", syscall3(__NR_open, p + 10 * PAGE - 1, 0, 0));
  report("all again", syscall3(__NR_mprotect, p, 32 * PAGE, RW));
  report("contents", wrong_words(p, 32, 4));
  p[8 * PAGE] ^= 1, p[8 * PAGE] ^= 1, p[11 * PAGE] ^= 1, p[11 * PAGE] ^= 1;
  syscall2(__NR_munmap, p + 20 * PAGE, PAGE);
  report("mprotect over a hole", syscall3(__NR_mprotect, p + 16 * PAGE, 16 * PAGE, PROT_READ));
  report_access("before the hole", p + 19 * PAGE);
  report_access("behind the hole", p + 21 * PAGE);
  syscall2(__NR_munmap, p, 32 * PAGE);

  /* mov $7, %eax; ret */
  static const unsigned char code[] = {0xb8, 7, 0, 0, 0, 0xc3};
  p = map(1);
  for (word i = 0; i < sizeof code; i++)
    p[i] = (char)code[i];
  report("executable", syscall3(__NR_mprotect, p, PAGE, PROT_READ | PROT_EXEC));
  report("code", ((int (*)(void))p)());
  report("writable again", syscall3(__NR_mprotect, p, PAGE, RW | PROT_EXEC));
  p[1] = 8;
  report("changed code", ((int (*)(void))p)());
  syscall2(__NR_munmap, p, PAGE);
}

static void moving(void) {
  char *p = (char *)mmap_at(SCRATCH, 8 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0);
  fill(p, 8, 5);
  report("grow", syscall5(__NR_mremap, p, 8 * PAGE, 16 * PAGE, 0, 0) == (long)p);
  report("grown kept", wrong_words(p, 8, 5));
  report("grown fresh", nonzero_words(p + 8 * PAGE, 8));
  fill(p, 16, 5);
  report("shrink", syscall5(__NR_mremap, p, 16 * PAGE, 12 * PAGE, 0, 0) == (long)p);
  report("shrunk kept", wrong_words(p, 12, 5));
  report_access("shrunk gone", p + 12 * PAGE);
  mmap_at((word)p + 12 * PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0);
  p[12 * PAGE] = 9;
  report("no room", syscall5(__NR_mremap, p, 12 * PAGE, 20 * PAGE, 0, 0));
  char *q = (char *)syscall5(__NR_mremap, p, 12 * PAGE, 20 * PAGE, MREMAP_MAYMOVE, 0);
  report("moved", q != p);
  report("moved kept", wrong_words(q, 12, 5));
  report("moved fresh", nonzero_words(q + 12 * PAGE, 8));
  report_access("old place", p);
  report("neighbour", p[12 * PAGE]);
  report("to a fixed place",
         syscall5(__NR_mremap, q, 20 * PAGE, 20 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) == (long)p);
  report("fixed kept", wrong_words(p, 12, 5));
  report("fixed replaced", nonzero_words(p + 12 * PAGE, 8));
  report("overlapping",
         syscall5(__NR_mremap, p, 20 * PAGE, 20 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 4 * PAGE));
  report("new length 0", syscall5(__NR_mremap, p, PAGE, 0, MREMAP_MAYMOVE, 0));
  report("unaligned", syscall5(__NR_mremap, p + 8, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0));
  report("unknown flag", syscall5(__NR_mremap, p, PAGE, PAGE, 64, 0));
  syscall2(__NR_munmap, p, 20 * PAGE);
}

/* Where the platform may have used 2 MiB pages: parts changed, replaced, unmapped one page at a time. */
static void large(void) {
  const word size = 8 << 20, two = 2 << 20;
  char *p = (char *)mmap_at(SCRATCH, size, RW, ANONYMOUS | MAP_FIXED, -1, 0);
  fill(p, size / PAGE, 6);
  syscall3(__NR_mprotect, p + two + 5 * PAGE, PAGE, PROT_READ);
  report_access("page in the middle", p + two + 5 * PAGE);
  report("around it", wrong_words(p, two / PAGE + 5, 6));
  mmap_at((word)p + 2 * two - PAGE, 3 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0);
  report("replaced over a boundary", nonzero_words(p + 2 * two - PAGE, 3));
  report("behind it", wrong_words(p + 2 * two + 2 * PAGE, 500, 6 + (2 * two + 2 * PAGE) / 8));
  /* The upper half again, a page further on, so that nothing fits the old alignment. */
  report("moved by a page", syscall5(__NR_mremap, p + 3 * two, two, two, MREMAP_MAYMOVE | MREMAP_FIXED,
                                     p + size + PAGE) == (long)(p + size + PAGE));
  report("moved kept", wrong_words(p + size + PAGE, two / PAGE, 6 + 3 * two / 8));
  for (word offset = 0; offset < two; offset += 2 * PAGE)
    syscall2(__NR_munmap, p + offset, PAGE);
  long wrong = 0;
  for (word offset = PAGE; offset < two; offset += 2 * PAGE)
    wrong += wrong_words(p + offset, 1, 6 + offset / 8);
  report("every other page", wrong);
  mmap_at((word)p, size, RW, ANONYMOUS | MAP_FIXED, -1, 0);
  report("all replaced", nonzero_words(p, size / PAGE));
  syscall2(__NR_munmap, p, size + two + PAGE);
  report_access("all gone", p + size);
}

static long open_file(const char *path) {
  return syscall3(__NR_open, path, O_RDWR | O_CREAT | O_TRUNC, 0600);
}

static void file_shared(const char *path) {
  static char buffer[4 * PAGE];
  long fd = open_file(path);
  fill(buffer, 4, 7);
  report("write", syscall3(__NR_write, fd, buffer, 3 * PAGE + 100));
  char *shared = (char *)mmap_at(0, 4 * PAGE, RW, MAP_SHARED, fd, 0);
  char *private = (char *)mmap_at(0, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
  report("shared reads the file", wrong_words(shared, 3, 7));
  report("private reads the file", wrong_words(private, 3, 7));
  report("behind the end", shared[3 * PAGE + 100] | private[4 * PAGE - 1]);
  shared[0] = 'S';
  report("write through shared, read", (syscall4(__NR_pread64, fd, buffer, 1, 0), buffer[0]));
  private[PAGE] = 'P';
  report("write through private, read", (syscall4(__NR_pread64, fd, buffer, 1, PAGE), buffer[0] == 'P'));
  report("write through private, shared", shared[PAGE] == 'P');
  report("pwrite", syscall4(__NR_pwrite64, fd, "WWWW", 4, PAGE - 2));
  report("pwrite, shared", shared[PAGE - 1] == 'W' && shared[PAGE] == 'W');
  report("pwrite, private copied", private[PAGE] == 'P');
  report("pwrite, neighbour", shared[PAGE + 2] == private[PAGE + 2]);
  shared[3 * PAGE + 200] = 'B';
  report("size", syscall3(__NR_lseek, fd, 0, SEEK_END));
  report("msync", syscall3(__NR_msync, shared, 4 * PAGE, MS_SYNC));
  report("read into itself", syscall4(__NR_pread64, fd, shared + PAGE, PAGE, 2 * PAGE));
  report("as the file says", wrong_words(shared + PAGE, 1, 7 + 2 * PAGE / 8));
  report("truncate", syscall2(__NR_ftruncate, fd, PAGE + 10));
  report("cut page", shared[PAGE + 10] | shared[2 * PAGE - 1]);
  report_access("behind the cut", shared + 2 * PAGE);
  report("extend", syscall2(__NR_ftruncate, fd, 4 * PAGE));
  report("extended is zero", nonzero_words(shared + 2 * PAGE, 2));
  syscall1(__NR_close, fd);
  report("unlink", syscall1(__NR_unlink, path));
  report("after close", shared[0]);
  shared[1] = 'T';
  report("discard private", syscall3(__NR_madvise, private, 4 * PAGE, MADV_DONTNEED));
  report("private is the file's again", private[PAGE] == shared[PAGE] && private[1] == 'T');
  syscall2(__NR_munmap, shared, 4 * PAGE);
  report("private still there", private[1]);
  syscall2(__NR_munmap, private, 4 * PAGE);
}

static void file_errors(const char *path) {
  long fd = open_file(path);
  syscall3(__NR_write, fd, path, 5);
  long reader = syscall3(__NR_open, path, O_RDONLY, 0), writer = syscall3(__NR_open, path, O_WRONLY, 0);
  report("shared writable of a reader", mmap_at(0, PAGE, RW, MAP_SHARED, reader, 0));
  report("shared of a reader", mmap_at(0, PAGE, PROT_READ, MAP_SHARED, reader, 0) > 0);
  report("private writable of a reader", mmap_at(0, PAGE, RW, MAP_PRIVATE, reader, 0) > 0);
  report("of a writer", mmap_at(0, PAGE, PROT_READ, MAP_PRIVATE, writer, 0));
  char *p = (char *)mmap_at(0, PAGE, PROT_READ, MAP_SHARED, reader, 0);
  report("mprotect for writing", syscall3(__NR_mprotect, p, PAGE, RW));
  report("offset unaligned", mmap_at(0, PAGE, PROT_READ, MAP_PRIVATE, reader, 100));
  report("offset far", mmap_at(0, PAGE, PROT_READ, MAP_PRIVATE, reader, 1UL << 40) > 0);
  report("offset too far", mmap_at(0, PAGE, PROT_READ, MAP_PRIVATE, reader, (word)-PAGE));
  long directory = syscall3(__NR_open, "/", O_RDONLY | O_DIRECTORY, 0);
  report("a directory", mmap_at(0, PAGE, PROT_READ, MAP_PRIVATE, directory, 0));
  long zero = syscall3(__NR_open, "/dev/zero", O_RDWR, 0);
  char *q = (char *)mmap_at(0, 4 * PAGE, RW, MAP_PRIVATE, zero, 0);
  report("/dev/zero", (long)q > 0 ? nonzero_words(q, 4) : (long)q);
  if ((long)q > 0)
    fill(q, 4, 8);
  syscall1(__NR_unlink, path);
}

/* The kernel's own accesses: to pages never touched, over the ends of mappings, in pieces. */
static void by_the_kernel(const char *path) {
  static char buffer[64 * PAGE];
  long fd = open_file(path);
  fill(buffer, 64, 9);
  report("write all", syscall3(__NR_write, fd, buffer, sizeof buffer));
  char *p = (char *)mmap_at(SCRATCH, 64 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0);
  report("read to fresh pages", syscall4(__NR_pread64, fd, p, 64 * PAGE, 0));
  report("contents", wrong_words(p, 64, 9));
  syscall2(__NR_munmap, p + 32 * PAGE, 32 * PAGE);
  report("read over the end", syscall4(__NR_pread64, fd, p + 16 * PAGE, 32 * PAGE, 0));
  report("contents before it", wrong_words(p + 16 * PAGE, 16, 9));
  report("write over the end", syscall4(__NR_pwrite64, fd, p + 31 * PAGE, 2 * PAGE, 0));
  report("read into nothing", syscall4(__NR_pread64, fd, p + 32 * PAGE, 16, 0));
  report("write from nothing", syscall4(__NR_pwrite64, fd, p + 32 * PAGE, 16, 0));
  syscall3(__NR_mprotect, p, PAGE, PROT_READ);
  report("read to read-only", syscall4(__NR_pread64, fd, p, 16, 0));
  syscall1(__NR_close, fd);
  syscall1(__NR_unlink, path);
  syscall2(__NR_munmap, p, 32 * PAGE);
}

int guest_main(int argc, char **argv) {
  if (argc < 2)
    return 2;
  breaks();
  anonymous();
  anonymous_errors();
  protection();
  moving();
  large();
  file_shared(argv[1]);
  file_errors(argv[1]);
  by_the_kernel(argv[1]);
  return 0;
}
