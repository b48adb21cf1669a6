/* getpid_loop SAMPLES BATCH: prints, one a line, the nanoseconds that BATCH calls of getpid took. */
#include "guest.h"

#include <time.h>

static word nanoseconds(void) {
  struct timespec now;
  syscall2(__NR_clock_gettime, CLOCK_MONOTONIC, &now);
  return (word)now.tv_sec * 1000000000 + (word)now.tv_nsec;
}

int guest_main(int argc, char **argv) {
  word samples = argc > 1 ? parse_decimal(argv[1]) : 100;
  word batch = argc > 2 ? parse_decimal(argv[2]) : 1000;
  for (word i = 0; i < samples; i++) {
    word start = nanoseconds();
    for (word j = 0; j < batch; j++)
      syscall0(__NR_getpid);
    print_decimal((long)(nanoseconds() - start));
    print("\n");
  }
  return 0;
}
