/* Memory: mapped, touched for the first time, and computed with. */
#include <stdlib.h>
#include <sys/mman.h>

#include "../samples.h"
#include "workload.h"

#define PAGE 4096
#define GIB (1UL << 30)

static char *map(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(memory == MAP_FAILED ? -1 : 0, "mmap");
  return memory;
}

/* One page after the other of memory that nobody has touched. */
static uint64_t touch(size_t size) {
  volatile char *memory = map(size);
  uint64_t start = nanoseconds();
  for (size_t at = 0; at < size; at += PAGE)
    memory[at] = 1;
  uint64_t time = nanoseconds() - start;
  check(munmap((void *)memory, size), "munmap");
  return time;
}

static uint64_t take_touch(unsigned batch) { return touch((size_t)batch * PAGE); }

static uint64_t take_touch_gib(unsigned batch) { return touch((size_t)batch * GIB); }

static uint64_t take_map(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    check(munmap(map(PAGE), PAGE), "munmap");
  return nanoseconds() - start;
}

#define SIZE 512

static double left[SIZE][SIZE], right[SIZE][SIZE], product[SIZE][SIZE];

static void multiply(void) {
  for (unsigned i = 0; i < SIZE; i++)
    for (unsigned k = 0; k < SIZE; k++)
      for (unsigned j = 0; j < SIZE; j++)
        product[i][j] += left[i][k] * right[k][j];
}

/* Faults and cache fills are not what is measured. */
static void prepare_matrix(char **arguments) {
  (void)arguments;
  for (unsigned i = 0; i < SIZE; i++)
    for (unsigned j = 0; j < SIZE; j++)
      left[i][j] = i + j, right[i][j] = i - j;
  multiply();
}

static uint64_t take_matrix(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    multiply();
  uint64_t time = nanoseconds() - start;
  __asm__ volatile("" ::"m"(product));
  return time;
}

const struct workload memory_workloads[] = {
    {"fault-touch", NULL, take_touch},
    {"touch-gib", NULL, take_touch_gib},
    {"mmap+munmap", NULL, take_map},
    {"matrix", prepare_matrix, take_matrix},
    {NULL, NULL, NULL},
};
