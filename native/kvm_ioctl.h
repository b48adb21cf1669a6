/*
 * The KVM ioctls that Ringfence uses, each a function (Linux, Documentation/virt/kvm/api.rst).
 *
 * C only: Debian 12's <linux/kvm.h> gives wrong sizes, and so wrong ioctl numbers, when compiled as C++.
 * All return 0 or more, or a negative errno.
 */
#ifndef RINGFENCE_KVM_IOCTL_H
#define RINGFENCE_KVM_IOCTL_H

#include <stddef.h>
#include <stdint.h>

#include <linux/kvm.h>

#define RF_CPUID_MAX 256

struct rf_cpuid {
  struct kvm_cpuid2 head;
  struct kvm_cpuid_entry2 entries[RF_CPUID_MAX];
};

int rf_kvm_open(const char *path);
int rf_kvm_api_version(int kvm);
int rf_kvm_check(int fd, int capability);
int rf_kvm_create_vm(int kvm);
int rf_kvm_run_size(int kvm);
int rf_kvm_supported_cpuid(int kvm, struct rf_cpuid *cpuid);
int rf_kvm_create_vcpu(int vm, unsigned id);
int rf_kvm_set_slot(int vm, uint32_t slot, uint64_t gpa, void *host, uint64_t size);
int rf_kvm_set_cpuid(int vcpu, struct rf_cpuid *cpuid);
int rf_kvm_set_msrs(int vcpu, const struct kvm_msr_entry *entries, unsigned count);
/* The guest's time-stamp counter is the host's plus `offset`; -ENXIO where KVM cannot be told. */
int rf_kvm_set_tsc_offset(int vcpu, uint64_t offset);
int rf_kvm_get_sregs(int vcpu, struct kvm_sregs *sregs);
int rf_kvm_set_sregs(int vcpu, const struct kvm_sregs *sregs);
int rf_kvm_set_xcr0(int vcpu, uint64_t xcr0);
int rf_kvm_get_xsave(int vcpu, struct kvm_xsave *xsave);
int rf_kvm_set_xsave(int vcpu, const struct kvm_xsave *xsave);
int rf_kvm_run(int vcpu);

#endif
