/*
 * memory_model SEED STEPS [INTERVAL]: random mmap, munmap, mprotect, mremap and madvise in a window of 1,024
 * pages, beside a plain model of what each page must hold; every page is compared after every few steps.
 * Prints the first difference and exits 1.
 */
#include "guest.h"

#include <sys/mman.h>

#define PAGE 4096UL
#define WINDOW 0x200000000000UL
#define RW (PROT_READ | PROT_WRITE)
enum { PAGES = 1024 };

/* What is known of one page; `value` is at its start and its end. */
static struct page {
  uint8_t mapped, prot;
  word value;
} pages[PAGES], moved[PAGES];

static word random_state;

/* xorshift64 (Marsaglia, 2003). */
static word random_below(word limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (random_state >> 16) % limit;
}

static word *page_start(word index) { return (word *)(WINDOW + index * PAGE); }

static int wrong(word step, const char *what, word page, word expected, word found) {
  print("step ");
  print_decimal((long)step);
  print(", page ");
  print_decimal((long)page);
  print(": ");
  print(what);
  print(" is ");
  print_hex(found);
  print(", should be ");
  print_hex(expected);
  print("\n");
  return 1;
}

static int expect(word step, const char *what, word page, long expected, long found) {
  return expected == found ? 0 : wrong(step, what, page, (word)expected, (word)found);
}

static int compare_all(word step) {
  for (word i = 0; i < PAGES; i++) {
    int can_read = syscall3(__NR_open, page_start(i), 0, 0) != -14;
    int should = pages[i].mapped && pages[i].prot != PROT_NONE;
    if (can_read != should)
      return wrong(step, "readable", i, (word)should, (word)can_read);
    if (should && (page_start(i)[0] != pages[i].value || page_start(i)[PAGE / 8 - 1] != pages[i].value))
      return wrong(step, "contents", i, pages[i].value, page_start(i)[0]);
  }
  return 0;
}

static void forget(word first, word count, int mapped, int prot) {
  for (word i = first; i < first + count; i++)
    pages[i] = (struct page){(uint8_t)mapped, (uint8_t)prot, 0};
}

static int all_mapped(word first, word count) {
  for (word i = first; i < first + count; i++)
    if (!pages[i].mapped)
      return 0;
  return 1;
}

static int any_mapped(word first, word count) {
  for (word i = first; i < first + count; i++)
    if (pages[i].mapped)
      return 1;
  return 0;
}

static int do_map(word step, word first, word count) {
  int prot = random_below(4) == 0 ? PROT_READ : RW;
  long result = syscall6(__NR_mmap, (word)page_start(first), count * PAGE, (word)prot,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, (word)-1, 0);
  forget(first, count, 1, prot);
  return expect(step, "mmap", first, (long)page_start(first), result);
}

static int do_unmap(word step, word first, word count) {
  forget(first, count, 0, 0);
  return expect(step, "munmap", first, 0, syscall2(__NR_munmap, page_start(first), count * PAGE));
}

static int do_protect(word step, word first, word count) {
  static const uint8_t choices[] = {PROT_NONE, PROT_READ, RW, RW};
  int prot = choices[random_below(4)];
  long expected = all_mapped(first, count) ? 0 : -12;
  /* Linux changes what lies before the first hole. */
  for (word i = first; i < first + count && pages[i].mapped; i++)
    pages[i].prot = (uint8_t)prot;
  return expect(step, "mprotect", first, expected,
                syscall3(__NR_mprotect, page_start(first), count * PAGE, prot));
}

static int do_write(word first, word count) {
  for (word i = first; i < first + count; i++)
    if (pages[i].mapped && pages[i].prot == RW)
      page_start(i)[0] = page_start(i)[PAGE / 8 - 1] = pages[i].value = random_state + i;
  return 0;
}

/* Through the kernel, into pages that may never have been touched. */
static int do_kernel_write(word step, word first) {
  word *target = page_start(first);
  long result = syscall3(__NR_getrandom, target, 8, 0);
  if (!pages[first].mapped || pages[first].prot != RW)
    return expect(step, "getrandom", first, -14, result);
  target[PAGE / 8 - 1] = pages[first].value = target[0];
  return expect(step, "getrandom", first, 8, result);
}

static int do_discard(word step, word first, word count) {
  long expected = all_mapped(first, count) ? 0 : -12;
  for (word i = first; i < first + count; i++)
    pages[i].value = 0;
  return expect(step, "madvise", first, expected,
                syscall3(__NR_madvise, page_start(first), count * PAGE, MADV_DONTNEED));
}

/* mremap works within one mapping; whether neighbours are one is the kernel's affair, so it may say EFAULT.
 */
static int do_move(word step, word first, word count) {
  word to = random_below(PAGES - count);
  if (!all_mapped(first, count) || (to < first + count && first < to + count))
    return 0;
  long result = syscall5(__NR_mremap, page_start(first), count * PAGE, count * PAGE,
                         MREMAP_MAYMOVE | MREMAP_FIXED, page_start(to));
  int same_kind = 1;
  for (word i = first; i < first + count; i++)
    same_kind &= pages[i].prot == pages[first].prot;
  if (result == -14) { /* nothing moved, but the target may be gone already */
    syscall2(__NR_munmap, page_start(to), count * PAGE);
    forget(to, count, 0, 0);
    return 0;
  }
  for (word i = 0; i < count; i++)
    moved[i] = pages[first + i];
  for (word i = 0; i < count; i++)
    pages[to + i] = moved[i];
  forget(first, count, 0, 0);
  return same_kind ? expect(step, "mremap", first, (long)page_start(to), result) : 0;
}

static int do_grow(word step, word first, word count) {
  word more = 1 + random_below(8);
  if (!all_mapped(first, 1) || first + count + more > PAGES || any_mapped(first + 1, count + more - 1))
    return 0;
  long result = syscall5(__NR_mremap, page_start(first), PAGE, (count + more) * PAGE, 0, 0);
  forget(first + 1, count + more - 1, 1, pages[first].prot);
  return expect(step, "mremap, growing", first, (long)page_start(first), result);
}

static int one_step(word step) {
  word count = 1 + random_below(random_below(4) == 0 ? 700 : 40);
  word first = random_below(PAGES - count);
  switch (random_below(9)) {
  case 0:
  case 1:
    return do_map(step, first, count);
  case 2:
    return do_unmap(step, first, count);
  case 3:
    return do_protect(step, first, count);
  case 4:
    return do_kernel_write(step, first);
  case 5:
    return do_discard(step, first, count);
  case 6:
    return do_move(step, first, count);
  case 7:
    return do_grow(step, first, 1 + count % 16);
  default:
    return do_write(first, count);
  }
}

int guest_main(int argc, char **argv) {
  word steps = argc > 2 ? parse_decimal(argv[2]) : 1000;
  word interval = argc > 3 ? parse_decimal(argv[3]) : 64;
  random_state = (argc > 1 ? parse_decimal(argv[1]) : 1) * 0x9e3779b97f4a7c15;
  for (word step = 0; step < steps; step++)
    if (one_step(step) || (step % interval == 0 && compare_all(step)))
      return 1;
  if (compare_all(steps))
    return 1;
  print("as the model says\n");
  return 0;
}
