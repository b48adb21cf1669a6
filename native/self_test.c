#include "self_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <x86intrin.h>

#include "exchange.h"
#include "stub.h"

#define CODE_ADDRESS 0x10000
#define VECTOR_PAGE_FAULT 14

static const uint8_t syscall_instruction[] = {0x0f, 0x05};

static enum rf_result run_at(struct rf_vcpu *vcpu, struct rf_context *context, const struct rf_space *space,
                             struct rf_registers *registers, uint64_t address) {
  memset(registers, 0, sizeof(*registers));
  registers->user.rip = address;
  return rf_vcpu_run(vcpu, context, space, registers, -1);
}

static enum rf_result run_once(struct rf_vcpu *vcpu, struct rf_context *context, const struct rf_space *space,
                               struct rf_registers *registers) {
  return run_at(vcpu, context, space, registers, CODE_ADDRESS);
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

/* A system call as the last instruction below `end`, from where it returns to `end`. */
static bool runs_below(struct rf_vcpu *vcpu, struct rf_context *context, struct rf_space *space,
                       uint64_t end) {
  uint8_t *code = vcpu->machine->flush_page + RF_PAGE_SIZE - sizeof(syscall_instruction);
  memcpy(code, syscall_instruction, sizeof(syscall_instruction));
  uint64_t page = end - RF_PAGE_SIZE;
  if (rf_space_map(space, page, rf_machine_test_page_gpa(), RF_PAGE_SIZE,
                   RF_ACCESS_READ | RF_ACCESS_EXECUTE) < 0)
    return false;
  struct rf_registers registers;
  enum rf_result result = run_at(vcpu, context, space, &registers, end - sizeof(syscall_instruction));
  bool returned = result == RF_SYSCALL && registers.user.rip == end;
  return rf_space_unmap(space, page, RF_PAGE_SIZE) == 0 && returned;
}

/*
 * User addresses end a page before the lower half of the canonical ones does, as a SYSCALL in its last bytes
 * would return to an address that is not canonical. Page tables of four levels translate 48 bits.
 */
static int find_last_address(struct rf_vcpu *vcpu, struct rf_context *context, struct rf_space *space) {
  unsigned bits = vcpu->machine->linear_bits < 48 ? vcpu->machine->linear_bits : 48;
  for (; bits > 40; bits--) {
    uint64_t end = (1ull << (bits - 1)) - RF_PAGE_SIZE;
    if (runs_below(vcpu, context, space, end)) {
      vcpu->machine->last_address = end;
      return 0;
    }
  }
  return -ENOTSUP;
}

/* rdtsc; syscall */
static const uint8_t counter_code[] = {0x0f, 0x31, 0x0f, 0x05};
#define COUNTER_CODE 64

/* Guests are told the time by the counter, where it is the host's. */
static void find_counter(struct rf_vcpu *vcpu, struct rf_context *context, const struct rf_space *space) {
  struct rf_registers registers;
  memcpy(vcpu->machine->flush_page + COUNTER_CODE, counter_code, sizeof(counter_code));
  uint64_t before = __rdtsc();
  enum rf_result result = run_at(vcpu, context, space, &registers, CODE_ADDRESS + COUNTER_CODE);
  uint64_t after = __rdtsc();
  uint64_t counter = registers.user.rdx << 32;
  /* rax has become the call's number: its low half is the counter's. */
  counter |= (uint32_t)registers.user.rax;
  vcpu->machine->host_counter = result == RF_SYSCALL && before <= counter && counter <= after;
}

/* What a system call out of the guest and back takes at best. */
static void find_exit_cycles(struct rf_vcpu *vcpu, struct rf_context *context, const struct rf_space *space) {
  struct rf_registers registers;
  uint64_t best = UINT64_MAX;
  for (unsigned attempt = 0; attempt < 4; attempt++) {
    uint64_t start = __rdtsc();
    run_once(vcpu, context, space, &registers);
    uint64_t took = __rdtsc() - start;
    best = took < best ? took : best;
  }
  vcpu->machine->exit_cycles = best;
  vcpu->machine->doorway_spins = rf_exchange_spins(best);
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
  if (!arrived(run_once(vcpu, context, space, &registers), &registers))
    return -ENOTSUP;
  find_counter(vcpu, context, space);
  find_exit_cycles(vcpu, context, space);
  *stage = "self-test: last user address";
  return find_last_address(vcpu, context, space);
}

int rf_self_test(struct rf_machine *machine, struct rf_vcpu *vcpu, const char **stage) {
  *stage = "self-test: memory";
  struct rf_context *context = malloc(sizeof(*context));
  struct rf_space space;
  int status = context ? rf_machine_add_test_page(machine) : -ENOMEM;
  if (status == 0)
    status = rf_space_create(&space, machine);
  if (status < 0) {
    free(context);
    return status;
  }
  rf_context_init(context);
  memcpy(machine->flush_page, syscall_instruction, sizeof(syscall_instruction));
  status = rf_space_map(&space, CODE_ADDRESS, rf_machine_test_page_gpa(), RF_PAGE_SIZE,
                        RF_ACCESS_READ | RF_ACCESS_EXECUTE);
  if (status == 0)
    status = rf_space_enter(&space, vcpu);
  if (status == 0)
    status = run_both(vcpu, context, &space, stage);
  rf_context_detach(context);
  rf_space_release(&space);
  free(context);
  return status;
}
