#include "self_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stub.h"

#define CODE_ADDRESS 0x10000
#define VECTOR_PAGE_FAULT 14

static const uint8_t syscall_instruction[] = {0x0f, 0x05};

static enum rf_result run_once(struct rf_vcpu *vcpu, struct rf_context *context, const struct rf_space *space,
                               struct rf_registers *registers) {
  memset(registers, 0, sizeof(*registers));
  registers->user.rip = CODE_ADDRESS;
  return rf_vcpu_run(vcpu, context, space, registers, -1);
}

static bool arrived(enum rf_result result, const struct rf_registers *registers) {
  return result == RF_SYSCALL && registers->user.rip == CODE_ADDRESS + sizeof(syscall_instruction);
}

/* At CPL 3 the fetch of the supervisor's doorway faults; at CPL 0 the doorway runs. */
static int find_class(struct rf_vcpu *vcpu, struct rf_context *context, const struct rf_space *space) {
  struct rf_registers registers;
  enum rf_result result = run_once(vcpu, context, space, &registers);
  if (arrived(result, &registers)) {
    vcpu->machine->host_class = RF_CLASS_HARDWARE;
    return 0;
  }
  uint64_t doorway = rf_stub_address(rf_doorway_kernel);
  if (result != RF_SIGNAL || registers.vector != VECTOR_PAGE_FAULT || registers.user.rip != doorway)
    return -ENOTSUP;
  vcpu->machine->host_class = RF_CLASS_DEPRIVILEGED;
  return rf_vcpu_set_doorway(vcpu);
}

static int run_both(struct rf_vcpu *vcpu, struct rf_context *context, struct rf_space *space,
                    const char **stage) {
  *stage = "self-test: first run";
  int status = rf_vcpu_load(vcpu, context);
  if (status == 0)
    status = find_class(vcpu, context, space);
  if (status < 0)
    return status;
  *stage = "self-test: system call";
  struct rf_registers registers;
  return arrived(run_once(vcpu, context, space, &registers), &registers) ? 0 : -ENOTSUP;
}

int rf_self_test(struct rf_machine *machine, struct rf_vcpu *vcpu, const char **stage) {
  *stage = "self-test: memory";
  struct rf_context *context = malloc(sizeof(*context));
  struct rf_space space;
  int status = context ? rf_space_create(&space, machine) : -ENOMEM;
  if (status < 0) {
    free(context);
    return status;
  }
  rf_context_init(context);
  memcpy(machine->flush_page, syscall_instruction, sizeof(syscall_instruction));
  status = rf_space_map(&space, CODE_ADDRESS, rf_machine_test_page_gpa(), RF_PAGE_SIZE,
                        RF_ACCESS_READ | RF_ACCESS_EXECUTE);
  if (status == 0)
    status = run_both(vcpu, context, &space, stage);
  rf_context_detach(context);
  rf_space_release(&space);
  free(context);
  return status;
}
