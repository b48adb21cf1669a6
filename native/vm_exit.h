/* What a stop of the vCPU means: from the exit that KVM reports to the result of the switch. */
#ifndef RINGFENCE_VM_EXIT_H
#define RINGFENCE_VM_EXIT_H

#include "vcpu.h"

/* Exception vectors (SDM volume 3, table 6-1). */
#define VECTOR_DEBUG 1
#define VECTOR_INVALID_OPCODE 6
#define VECTOR_GENERAL_PROTECTION 13
#define VECTOR_PAGE_FAULT 14

/* After a KVM_RUN that gave an exit. */
enum rf_result rf_on_exit(struct rf_vcpu *vcpu, const struct rf_space *space, struct rf_registers *registers);

/* The vCPU's registers as the program's. */
void rf_store_registers(const struct rf_vcpu *vcpu, struct rf_registers *registers);
enum rf_result rf_leave_by_exception(struct rf_registers *registers, unsigned vector, uint64_t error_code,
                                     uint64_t address);
/* Notes why KVM could not go on. `error`: negative errno of KVM_RUN, or 0. */
enum rf_result rf_fail(struct rf_vcpu *vcpu, int error, uint64_t detail);

#endif
