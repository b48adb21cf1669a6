#include "guest_clock.h"

#include <stdbool.h>
#include <time.h>
#include <x86intrin.h>

#define NANOSECONDS 1000000000ull
/* Readings tried, of which the one with the least between its two counts is taken. */
#define TRIES 5
/* The rate is measured over 10 to 20 seconds: longer, and it would follow the host's own corrections too
 * late. */
#define WINDOW (10 * NANOSECONDS)
/* An error is made up for over this time, by a rate that differs by no more than 1 in 1,024. */
#define CORRECTION NANOSECONDS
#define MAX_CORRECTION 1024
/* A guest that is behind by more is set at once: the host has slept. */
#define MAX_BEHIND 1000000

static uint64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

void rf_clock_read(struct rf_clock_sample *sample) {
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < TRIES; i++) {
    _mm_lfence();
    uint64_t before = __rdtsc();
    _mm_lfence();
    uint64_t monotonic = now(CLOCK_MONOTONIC);
    _mm_lfence();
    uint64_t after = __rdtsc();
    if (after - before >= least)
      continue;
    least = after - before;
    sample->cycles = before + least / 2;
    sample->monotonic = monotonic;
  }
  uint64_t monotonic = now(CLOCK_MONOTONIC);
  sample->realtime = (int64_t)(now(CLOCK_REALTIME) - monotonic);
}

static uint64_t rate(const struct rf_clock_sample *from, const struct rf_clock_sample *to) {
  uint64_t cycles = to->cycles - from->cycles;
  if (cycles == 0)
    return 0;
  return (uint64_t)(((unsigned __int128)(to->monotonic - from->monotonic) << 32) / cycles);
}

/* The rate at which the guest's clock comes to agree with the host's, from where it is `error` behind. */
static uint64_t corrected(uint64_t true_rate, int64_t error) {
  int64_t most = (int64_t)(true_rate / MAX_CORRECTION);
  int64_t correction = (int64_t)((__int128)true_rate * error / (int64_t)CORRECTION);
  if (correction > most)
    correction = most;
  if (correction < -most)
    correction = -most;
  return true_rate + (uint64_t)correction;
}

static void publish(struct rf_clock_page *page, const struct rf_clock_page *wanted) {
  __atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELEASE);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  page->cycles = wanted->cycles;
  page->monotonic = wanted->monotonic;
  page->realtime = wanted->realtime;
  page->multiplier = wanted->multiplier;
  page->ready = wanted->ready;
  __atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELEASE);
}

void rf_guest_clock_start(struct rf_guest_clock *clock, struct rf_clock_page *page,
                          const struct rf_clock_sample *since) {
  struct rf_clock_sample sample;
  rf_clock_read(&sample);
  *clock = (struct rf_guest_clock){.page = page, .older = *since, .newer = sample};
  struct rf_clock_page wanted = {
      .cycles = sample.cycles,
      .monotonic = sample.monotonic,
      .realtime = sample.realtime,
      .multiplier = rate(since, &sample),
  };
  wanted.ready = wanted.multiplier != 0;
  page->sequence = 0;
  publish(page, &wanted);
}

void rf_guest_clock_refresh(struct rf_guest_clock *clock) {
  struct rf_clock_sample sample;
  rf_clock_read(&sample);
  const struct rf_clock_page *page = clock->page;
  if (sample.cycles <= page->cycles)
    return;
  uint64_t shown = rf_clock_at(page, sample.cycles);
  int64_t error = (int64_t)(sample.monotonic - shown);
  bool has_slept = error > MAX_BEHIND;
  struct rf_clock_page wanted = {
      .ready = 1,
      .cycles = sample.cycles,
      .monotonic = has_slept ? sample.monotonic : shown,
      .realtime = sample.realtime,
      .multiplier = corrected(rate(&clock->older, &sample), has_slept ? 0 : error),
  };
  if (sample.monotonic - clock->newer.monotonic > WINDOW) {
    clock->older = clock->newer;
    clock->newer = sample;
  }
  publish(clock->page, &wanted);
}
