/* One vCPU, and the run loop: one KVM_RUN a switch, every register through kvm_run's synchronised area. */
#ifndef RINGFENCE_VCPU_H
#define RINGFENCE_VCPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "context.h"
#include "kvm.h"
#include "machine.h"
#include "page_table.h"

struct rf_failure {
  int error;            /* negative errno of KVM_RUN, or 0 */
  uint32_t exit_reason; /* KVM_EXIT_* */
  uint64_t detail;
};

struct rf_vcpu {
  struct rf_machine *machine;
  unsigned id;
  int fd;
  struct kvm_run *run;
  const struct rf_exception_frame *frame; /* where every exception leaves its frame: the stack's end */
  struct rf_mailbox *mailbox;
  uint64_t system_entry;     /* PML4 entry 511 of every address space, on this vCPU */
  struct rf_context *loaded; /* whose extended state it holds */
  _Atomic uint64_t mark;     /* id of the context that ran last, for the detection of preemption; 0: none */
  bool at_syscall; /* stopped in the hardware doorway, where leaving it by SYSRET returns to the program */
  struct rf_failure failure;

  /* native/exchange.c's. */
  _Atomic uint32_t turn;             /* enum rf_turn */
  const struct rf_space *held_space; /* of the call that has been taken and not been answered, or NULL */
  struct user_regs_struct held;      /* its registers, as they were reported */
  bool listening;       /* what the doorway has been told, which the mailbox need not say any more */
  bool took_interrupt;  /* the run on the thread has taken an interrupt() to be for it */
  atomic_bool recalled; /* it is to end, whatever it has to report */

  /* Read and written by whoever kicks. */
  _Atomic pid_t thread;      /* the thread inside a switch, or 0 */
  atomic_bool expired;       /* the budget is used up */
  atomic_bool preempted;     /* preemptAllCpus */
  _Atomic uint64_t deadline; /* watchdog tick at which the budget ends, or 0 */
};

int rf_vcpu_create(struct rf_vcpu *vcpu, struct rf_machine *machine, unsigned id, const char **stage);
void rf_vcpu_destroy(struct rf_vcpu *vcpu);
/* Points LSTAR at the doorway of the machine's class, and opens or closes its port to ring 3. */
int rf_vcpu_set_doorway(struct rf_vcpu *vcpu);

/* The program's segments, as the GDT has them. */
struct kvm_segment rf_user_code(void);
struct kvm_segment rf_user_stack(void);
/* What a load of DS, ES, FS or GS with `selector` gives in ring 3; the null segment where it would fault. */
struct kvm_segment rf_data_segment(uint64_t selector);

/* CF PF AF ZF SF TF DF OF NT AC ID: what a program may set. IF and bit 1 are always set. */
#define RF_FLAGS_USER 0x244dd5ull
#define RF_FLAGS_FIXED 0x202ull

static inline bool rf_is_canonical(uint64_t address) {
  return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

/* Makes the vCPU leave the guest; the reason stands in a flag set before. From any thread. */
void rf_vcpu_kick(struct rf_vcpu *vcpu);
/* Makes the vCPU forget which context ran last, and forces out the one that runs. */
void rf_vcpu_preempt(struct rf_vcpu *vcpu);
/* Installs the handler of the kick's signal, once a process. */
int rf_kick_install(void);

#endif
