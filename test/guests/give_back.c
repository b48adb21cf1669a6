/*
 * give_back MEBIBYTES: writes so much anonymous memory and unmaps it, then says so and waits for a byte (or
 * the end) on standard input, so that the test can look at what the host got back. Then the same by
 * MADV_DONTNEED, by brk, and page by page.
 */
#include "guest.h"

#include <sys/mman.h>

static void touch(char *start, word size) {
  for (word offset = 0; offset < size; offset += 4096)
    start[offset] = 1;
}

static char *map(word size) {
  return (char *)syscall6(__NR_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (word)-1,
                          0);
}

static void stop(const char *what) {
  char byte;
  print(what);
  syscall3(__NR_read, 0, &byte, 1);
}

int guest_main(int argc, char **argv) {
  word size = (argc > 1 ? parse_decimal(argv[1]) : 64) << 20;
  stop("started\n");

  char *memory = map(size);
  touch(memory, size);
  stop("written\n");
  syscall2(__NR_munmap, memory, size);
  stop("unmapped\n");

  memory = map(size);
  touch(memory, size);
  syscall3(__NR_madvise, memory, size, MADV_DONTNEED);
  stop("discarded\n");
  syscall2(__NR_munmap, memory, size);

  word end = (word)syscall1(__NR_brk, 0);
  syscall1(__NR_brk, end + size);
  touch((char *)end, size);
  syscall1(__NR_brk, end);
  stop("broken\n");

  memory = map(size);
  touch(memory, size);
  for (word offset = 0; offset < size; offset += 4096)
    syscall2(__NR_munmap, memory + offset, 4096);
  stop("unmapped page by page\n");
  return 0;
}
