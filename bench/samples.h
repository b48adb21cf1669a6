/*
 * How a C program of the benchmarks is asked for samples: for each line "SAMPLES BATCH" on standard input it
 * prints a line of SAMPLES numbers, the nanoseconds that BATCH repetitions took. So rows can be sampled in
 * turn.
 */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Until standard input ends; `take` gives the nanoseconds of one sample. */
static inline void give_samples(uint64_t (*take)(unsigned batch)) {
  unsigned samples, batch;
  while (scanf("%u %u", &samples, &batch) == 2) {
    for (unsigned i = 0; i < samples; i++)
      printf("%llu ", (unsigned long long)take(batch));
    printf("\n");
    fflush(stdout);
  }
}

#endif
