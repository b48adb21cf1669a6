/* Keeps a clock page (ring0/clock_page.h) in step with the host's clocks. */
#ifndef RINGFENCE_GUEST_CLOCK_H
#define RINGFENCE_GUEST_CLOCK_H

#include <stdint.h>

#include "../ring0/clock_page.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One reading of the host's clocks: cycles of the time-stamp counter, nanoseconds. */
struct rf_clock_sample {
  uint64_t cycles, monotonic;
  int64_t realtime; /* ahead of monotonic */
};

struct rf_guest_clock {
  struct rf_clock_page *page;
  /* Two readings to measure the counter's rate by: the older is given up for the newer, which grows old. */
  struct rf_clock_sample older, newer;
};

/* The first byte of the vDSO's image, and the one behind its last. */
extern const uint8_t rf_vdso_image[], rf_vdso_image_end[];

/* `since`: a reading some time ago, to know the rate from the start. */
void rf_guest_clock_start(struct rf_guest_clock *clock, struct rf_clock_page *page,
                          const struct rf_clock_sample *since);
/* To be called now and then; what the guest reads goes on without a step back. */
void rf_guest_clock_refresh(struct rf_guest_clock *clock);
void rf_clock_read(struct rf_clock_sample *sample);

#ifdef __cplusplus
}
#endif

#endif
