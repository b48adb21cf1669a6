/*
 * Whether KVM is asked to leave the guest at SYSCALL itself. The deprivileged class intercepts the
 * instruction, arranges the registers as it leaves them and enters the guest once more, whose doorway then
 * leaves by its port. With an interrupt window asked for (`request_interrupt_window`, KVM API document,
 * section 5) KVM comes out between the two, with KVM_EXIT_IRQ_WINDOW_OPEN. But so it does at whatever else it
 * would have handled by itself, a fault of its shadow tables or a CPUID, and then it was in vain: so a
 * context goes by what its last ones met.
 */
#ifndef RINGFENCE_EARLY_EXIT_H
#define RINGFENCE_EARLY_EXIT_H

#include <stdbool.h>
#include <stdint.h>

struct rf_early_exit {
  int32_t credit;    /* asked for while it is positive */
  uint32_t wait;     /* switches behind a system call until it is tried again */
  uint32_t patience; /* what `wait` becomes when that fails */
  bool after_call;   /* the last switch ended by a system call: behind a fault KVM has one of its own */
};

void rf_early_exit_init(struct rf_early_exit *early);
/* For the switch that begins, which counts as one to wait for. */
bool rf_early_exit_wanted(struct rf_early_exit *early);
/* KVM came out early, at a system call or elsewhere. */
void rf_early_exit_came(struct rf_early_exit *early, bool at_call);

#endif
