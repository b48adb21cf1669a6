#include "kvm.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "exchange.h"
#include "host_facts.h"
#include "interrupts.h"
#include "self_test.h"
#include "vm_exit.h"

#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE 2 /* <asm/hwcap2.h> */
#endif

int rf_machine_add_vcpu(struct rf_machine *machine, unsigned id) {
  const char *stage;
  if (machine->vcpus[id])
    return 0;
  struct rf_vcpu *vcpu = malloc(sizeof(*vcpu));
  int status = vcpu ? rf_vcpu_create(vcpu, machine, id, &stage) : -ENOMEM;
  if (status < 0)
    free(vcpu);
  else
    machine->vcpus[id] = vcpu;
  return status;
}

static int test(struct rf_machine *machine, const char **stage) {
  machine->state_components = rf_find_state_components(machine->vcpus[0]->fd);
  int status = rf_self_test(machine, machine->vcpus[0], stage);
  if (status < 0)
    return status;
  machine->tested = true;
  rf_remember_host(machine);
  return 0;
}

int rf_machine_open(struct rf_machine **result, const char *device, const char **stage) {
  *stage = "signal handler";
  int status = rf_kick_install();
  if (status < 0)
    return status;
  struct rf_machine *machine = malloc(sizeof(*machine));
  if (!machine)
    return -ENOMEM;
  status = rf_machine_create(machine, device, stage);
  if (status < 0) {
    free(machine);
    return status;
  }
  rf_watchdog_init(&machine->watchdog, machine->vcpus);
  *stage = "vCPU";
  status = rf_machine_add_vcpu(machine, 0);
  if (status == 0 && !machine->tested)
    status = test(machine, stage);
  if (status < 0)
    rf_machine_close(machine);
  else
    *result = machine;
  return status;
}

void rf_machine_close(struct rf_machine *machine) {
  rf_interrupts_settle(); /* another thread may be about to kick a vCPU that has just come out */
  rf_watchdog_stop(&machine->watchdog);
  for (unsigned id = 0; id < RF_MAX_VCPUS; id++) {
    struct rf_vcpu *vcpu = machine->vcpus[id];
    if (vcpu)
      rf_vcpu_destroy(vcpu);
    free(vcpu);
  }
  rf_machine_destroy(machine);
  free(machine);
}

enum rf_host_class rf_machine_class(const struct rf_machine *machine) { return machine->host_class; }

bool rf_machine_has_host_counter(const struct rf_machine *machine) { return machine->host_counter; }

uint64_t rf_machine_last_address(const struct rf_machine *machine) { return machine->last_address; }

uint32_t rf_machine_table_pages(const struct rf_machine *machine) { return rf_table_count(&machine->tables); }

struct rf_vcpu *rf_machine_vcpu(const struct rf_machine *machine, unsigned id) { return machine->vcpus[id]; }

void rf_machine_set_exitless(struct rf_machine *machine, enum rf_exitless exitless) {
  cpu_set_t processors;
  if (sched_getaffinity(0, sizeof(processors), &processors) == 0)
    machine->processors = (unsigned)CPU_COUNT(&processors);
  /* Without RDFSBASE the doorway could not tell the bases. */
  bool possible = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
  if (machine->host_class == RF_CLASS_HARDWARE)
    possible = machine->cr4 & RF_CR4_FSGSBASE;
  machine->exitless = possible ? exitless : RF_EXITLESS_OFF;
  machine->exitless_pays = true;
}

bool rf_vcpu_arm(struct rf_vcpu *vcpu, uint32_t budget) {
  return rf_watchdog_arm(&vcpu->machine->watchdog, vcpu, budget);
}

void rf_vcpu_disarm(struct rf_vcpu *vcpu) { rf_watchdog_disarm(&vcpu->machine->watchdog, vcpu); }

enum rf_result rf_vcpu_fail(struct rf_vcpu *vcpu, int status) { return rf_fail(vcpu, status, 0); }

void rf_machine_preempt_all(struct rf_machine *machine) {
  for (unsigned id = 0; id < RF_MAX_VCPUS; id++)
    if (machine->vcpus[id])
      rf_vcpu_preempt(machine->vcpus[id]);
  for (unsigned id = 0; id < RF_MAX_VCPUS; id++)
    if (machine->vcpus[id])
      rf_exchange_recall(machine->vcpus[id]);
}

void rf_vcpu_describe_failure(const struct rf_vcpu *vcpu, char *text, size_t size) {
  if (vcpu->failure.error)
    snprintf(text, size, "KVM_RUN: %s", strerror(-vcpu->failure.error));
  else
    snprintf(text, size, "KVM exit %u, detail 0x%llx", vcpu->failure.exit_reason,
             (unsigned long long)vcpu->failure.detail);
}

int rf_kvm_capabilities(const char *device, struct rf_capability *capabilities, unsigned max) {
#define CAPABILITY(name)                                                                                     \
  {                                                                                                          \
    #name, name                                                                                              \
  }
  const struct rf_capability known[] = {
      CAPABILITY(KVM_CAP_SYNC_REGS),   CAPABILITY(KVM_CAP_IMMEDIATE_EXIT), CAPABILITY(KVM_CAP_SYNC_MMU),
      CAPABILITY(KVM_CAP_NR_MEMSLOTS), CAPABILITY(KVM_CAP_MAX_VCPUS),      CAPABILITY(KVM_CAP_XSAVE),
      CAPABILITY(KVM_CAP_XCRS),
  };
#undef CAPABILITY
  int kvm = rf_kvm_open(device);
  if (kvm < 0)
    return kvm;
  unsigned count = 0;
  capabilities[count++] = (struct rf_capability){"KVM_API_VERSION", rf_kvm_api_version(kvm)};
  for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]) && count < max; i++)
    capabilities[count++] = (struct rf_capability){known[i].name, rf_kvm_check(kvm, known[i].value)};
  close(kvm);
  return (int)count;
}
