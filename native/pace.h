/*
 * Whether a context's system calls are answered in its doorway or out of the guest, by what either has been
 * found to take. All times are in cycles of the time-stamp counter, from a switch's beginning to its end.
 */
#ifndef RINGFENCE_PACE_H
#define RINGFENCE_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct rf_machine;

struct rf_pace {
  bool started;
  bool exitless;     /* the present way */
  uint32_t switches; /* of the present window, and what they have taken */
  uint64_t cycles;
  uint32_t streak;   /* system calls in a row, with no other end of a switch between them */
  int32_t misses;    /* looks that found nothing, less those that did */
  uint32_t wait;     /* windows until the other way is tried again */
  uint32_t patience; /* what `wait` becomes when that fails again */
  uint64_t leaving;  /* what a switch took when it left, in the last window of such; 0: not known */
};

/* Whether the next switch should find its answer in the doorway. */
bool rf_pace_exitless(struct rf_pace *pace, const struct rf_machine *machine);
/* A look at the mailbox that the guest came to in time, or did not. */
void rf_pace_looked(struct rf_pace *pace, bool found);
/* A switch has ended, by a system call or otherwise, and has taken so long. */
void rf_pace_switched(struct rf_pace *pace, struct rf_machine *machine, bool call, uint64_t cycles);

#endif
