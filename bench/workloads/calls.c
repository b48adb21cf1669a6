/* Single system calls, as a program makes them: by the C library. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../samples.h"
#include "workload.h"

/* Every Linux has it. */
#define A_FILE "/etc/passwd"

static uint64_t take_getpid(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    getpid();
  return nanoseconds() - start;
}

static uint64_t take_clock_gettime(unsigned batch) {
  struct timespec now;
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    clock_gettime(CLOCK_MONOTONIC, &now);
  return nanoseconds() - start;
}

static int ends[2];

/* As much as a pipe holds, pipe(7). */
static char bytes[65536];

static void prepare_pipe(char **arguments) {
  (void)arguments;
  check(pipe(ends), "pipe");
}

static uint64_t take_read(unsigned batch) {
  char byte;
  check(write(ends[1], bytes, batch), "write");
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    check(read(ends[0], &byte, 1), "read");
  return nanoseconds() - start;
}

static uint64_t take_write(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    check(write(ends[1], bytes, 1), "write");
  uint64_t time = nanoseconds() - start;
  check(read(ends[0], bytes, sizeof(bytes)), "read");
  return time;
}

static uint64_t take_open(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    close((int)check(open(A_FILE, O_RDONLY | O_CLOEXEC), "open"));
  return nanoseconds() - start;
}

static uint64_t take_stat(unsigned batch) {
  struct stat status;
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    check(stat(A_FILE, &status), "stat");
  return nanoseconds() - start;
}

const struct workload call_workloads[] = {
    {"getpid", NULL, take_getpid},
    {"clock_gettime", NULL, take_clock_gettime},
    {"read", prepare_pipe, take_read},
    {"write", prepare_pipe, take_write},
    {"open+close", NULL, take_open},
    {"stat", NULL, take_stat},
    {NULL, NULL, NULL},
};
