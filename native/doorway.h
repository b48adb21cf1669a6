/* Where a stop of the vCPU inside a doorway (ring0/stub.S) stands in the system call that it is about. */
#ifndef RINGFENCE_DOORWAY_H
#define RINGFENCE_DOORWAY_H

#include "vcpu.h"

enum rf_doorway {
  RF_ELSEWHERE, /* not in a doorway */
  RF_CALLING,   /* the call has been made and not been answered */
  RF_RETURNED,  /* the program has its answer, and goes on behind the call */
};

/*
 * A caller never sees a register state from inside a doorway: if `registers` are one, they become those of
 * the program as a system call leaves them, before it is answered or behind it. A call that is not answered
 * by now is the caller's: the mailbox forgets it. `cpl`: where the vCPU stopped.
 */
enum rf_doorway rf_leave_doorway(const struct rf_vcpu *vcpu, struct rf_registers *registers, unsigned cpl);

/* Whether `rip` is one of the hardware class's doorway. */
bool rf_in_kernel_doorway(uint64_t rip);

/* The registers behind the `syscall`, in the doorway or out of it. */
void rf_return_from_doorway(struct rf_registers *registers);

#endif
