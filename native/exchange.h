/*
 * System calls that do not leave the guest: the host's side of the mailbox (ring0/abi.h).
 *
 * A vCPU runs on a thread of its own, and the machine's thread looks at its mailbox meanwhile. A call that it
 * takes from there it holds: the guest waits in its doorway for a while, until it is answered, and then goes
 * on in the same KVM_RUN. Whatever that run reports before the answer is of a call that has been reported,
 * and is dropped.
 *
 * All functions are for the machine's thread, but rf_exchange_end.
 */
#ifndef RINGFENCE_EXCHANGE_H
#define RINGFENCE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a run on the vCPU's thread stands. */
enum rf_turn {
  RF_TURN_IDLE,
  RF_TURN_RUNNING,  /* the machine's thread looks by itself */
  RF_TURN_AWAITED,  /* it sleeps until the run ends */
  RF_TURN_REPORTED, /* it wants to be told */
  RF_TURN_DONE,
};

/* What a switch finds of the last one. */
enum rf_resumption {
  RF_AFRESH,  /* nothing runs: registers must be loaded */
  RF_RESUMED, /* the call it made is answered; the guest goes on */
  RF_REFUSED, /* the switch has ended before the guest went on: `result` says how */
};

/* Whether a run on the thread may begin, or a switch goes on with the one that is under way. */
enum rf_resumption rf_exchange_resume(struct rf_vcpu *vcpu, struct rf_context *context,
                                      const struct rf_space *space, struct rf_registers *registers,
                                      int32_t cpu, enum rf_result *result);
/*
 * Whether a switch that begins afresh should have its calls answered in the doorway: the context's pace and
 * the processors allow it.
 */
bool rf_exchange_pays(const struct rf_vcpu *vcpu, struct rf_context *context);
/* A run on the vCPU's thread is about to begin; its doorway finds somebody listening where `exitless`. */
void rf_exchange_begin(struct rf_vcpu *vcpu, bool exitless);
/*
 * Looks for a call for as long as leaving takes, `afresh` and as it takes to begin: RF_SYSCALL where it has
 * one, which it holds, or RF_PENDING. The doorway is then told that nobody listens; the run may be done.
 */
enum rf_result rf_exchange_poll(struct rf_vcpu *vcpu, struct rf_context *context,
                                const struct rf_space *space, struct rf_registers *registers, bool afresh);
/* Whether there is a processor for each guest on a thread of its own, once begun, and for this thread. */
bool rf_exchange_has_room(const struct rf_vcpu *vcpu);
/* Whether the doorway has been told that somebody listens. */
bool rf_exchange_listens(const struct rf_vcpu *vcpu);
/* A switch of the context that began at `start` by rf_exchange_clock has ended. */
uint64_t rf_exchange_clock(void);
void rf_exchange_switched(struct rf_vcpu *vcpu, struct rf_context *context, enum rf_result result,
                          uint64_t start);
/* The run is to end with RF_TURN_AWAITED or RF_TURN_REPORTED; false where it has ended. */
bool rf_exchange_await(struct rf_vcpu *vcpu, enum rf_turn turn);
/* Sleeps until the run has ended, once awaited. */
void rf_exchange_sleep(struct rf_vcpu *vcpu);
/* On the vCPU's thread: the run has ended. Gives what the turn was; wakes who sleeps. */
enum rf_turn rf_exchange_end(struct rf_vcpu *vcpu);
enum rf_turn rf_exchange_turn(const struct rf_vcpu *vcpu);
/* A call has been taken and not been answered. */
bool rf_exchange_holds(const struct rf_vcpu *vcpu);
/* The result of a run that is done has been taken. */
void rf_exchange_finish(struct rf_vcpu *vcpu);
/* How often a doorway looks for a reply, on this processor, where a way out takes so long. */
uint32_t rf_exchange_spins(uint64_t exit_cycles);
/* Makes a guest that waits in its doorway leave; does nothing where none does. */
void rf_exchange_recall(struct rf_vcpu *vcpu);

#ifdef __cplusplus
}
#endif

#endif
