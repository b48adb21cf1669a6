/* What a thread of the guest has beyond its general registers, and its interruption. */
#ifndef RINGFENCE_CONTEXT_H
#define RINGFENCE_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../ring0/abi.h"
#include "early_exit.h"
#include "kvm.h"
#include "kvm_ioctl.h"
#include "pace.h"

struct rf_context {
  uint64_t id; /* of rf_interrupts_new_id */
  /* interrupt() was called and no switch has reported it yet. */
  atomic_bool interrupted;
  /* The vCPU it runs on now, for whoever interrupts it. */
  _Atomic(struct rf_vcpu *) running;
  /* The vCPU whose extended state is this context's; NULL where `xsave` holds it. */
  struct rf_vcpu *loaded;
  struct rf_pace pace;
  struct rf_early_exit early;
  int32_t cpu;                 /* vCPU it last ran on, or -1 */
  int64_t answers[RF_ANSWERS]; /* as in the mailbox of the vCPU where it is loaded */
  struct kvm_xsave xsave;
};

void rf_context_init(struct rf_context *context);
/* State components that KVM_SET_XSAVE takes on `vcpu`, which loses its extended state. */
uint32_t rf_find_state_components(int vcpu);
/* Moves its extended state into `vcpu`, but components that are not `known`, which become initial. */
int rf_context_put_xsave(struct rf_context *context, int vcpu, uint32_t known);
/* Forgets the vCPU that holds its state. */
void rf_context_detach(struct rf_context *context);

#endif
