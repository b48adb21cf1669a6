/*
 * compute ROUNDS: a fixed amount of arithmetic and memory traffic with no system call in it, timed by itself;
 * prints the nanoseconds it took. The same binary runs natively and as a guest.
 */
#include "guest.h"

#include <time.h>

enum { WORDS = 1 << 16 }; /* 512 KiB: more than the first-level cache and TLB hold, less than the second */

static word table[WORDS];

static word nanoseconds(void) {
  struct timespec now;
  syscall2(__NR_clock_gettime, CLOCK_MONOTONIC, &now);
  return (word)now.tv_sec * 1000000000 + (word)now.tv_nsec;
}

static word work(word rounds) {
  word x = 0x9e3779b97f4a7c15, sum = 0;
  for (word i = 0; i < rounds; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    word *cell = &table[x % WORDS];
    sum += *cell / ((x & 0xff) + 1);
    *cell += x;
  }
  return sum;
}

int guest_main(int argc, char **argv) {
  word samples = argc > 1 ? parse_decimal(argv[1]) : 1;
  word rounds = argc > 2 ? parse_decimal(argv[2]) : 10000000;
  work(WORDS); /* faults and cache fills are not what is measured */
  for (word i = 0; i < samples; i++) {
    word start = nanoseconds();
    word sum = work(rounds);
    __asm__ volatile("" ::"r"(sum));
    print_decimal((long)(nanoseconds() - start));
    print("\n");
  }
  return 0;
}
