#include "kvm_ioctl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

/* The numbers and sizes of the kernel's ABI: a header that disagrees must not compile. */
static_assert(KVM_GET_API_VERSION == 0xae00, "KVM_GET_API_VERSION");
static_assert(KVM_CREATE_VM == 0xae01, "KVM_CREATE_VM");
static_assert(KVM_CHECK_EXTENSION == 0xae03, "KVM_CHECK_EXTENSION");
static_assert(KVM_GET_VCPU_MMAP_SIZE == 0xae04, "KVM_GET_VCPU_MMAP_SIZE");
static_assert(KVM_GET_SUPPORTED_CPUID == 0xc008ae05, "KVM_GET_SUPPORTED_CPUID");
static_assert(KVM_CREATE_VCPU == 0xae41, "KVM_CREATE_VCPU");
static_assert(KVM_SET_USER_MEMORY_REGION == 0x4020ae46, "KVM_SET_USER_MEMORY_REGION");
static_assert(KVM_RUN == 0xae80, "KVM_RUN");
static_assert(KVM_GET_SREGS == 0x8138ae83, "KVM_GET_SREGS");
static_assert(KVM_SET_SREGS == 0x4138ae84, "KVM_SET_SREGS");
static_assert(KVM_SET_MSRS == 0x4008ae89, "KVM_SET_MSRS");
static_assert(KVM_SET_DEVICE_ATTR == 0x4018aee1, "KVM_SET_DEVICE_ATTR");
static_assert(KVM_SET_CPUID2 == 0x4008ae90, "KVM_SET_CPUID2");
static_assert(KVM_GET_XSAVE == 0x9000aea4, "KVM_GET_XSAVE");
static_assert(KVM_SET_XSAVE == 0x5000aea5, "KVM_SET_XSAVE");
static_assert(KVM_SET_XCRS == 0x4188aea7, "KVM_SET_XCRS");
static_assert(sizeof(struct kvm_cpuid2) == 8, "kvm_cpuid2");
static_assert(sizeof(struct kvm_cpuid_entry2) == 40, "kvm_cpuid_entry2");
static_assert(sizeof(struct kvm_msrs) == 8, "kvm_msrs");
static_assert(sizeof(struct kvm_msr_entry) == 16, "kvm_msr_entry");
static_assert(sizeof(struct kvm_regs) == 144, "kvm_regs");
static_assert(sizeof(struct kvm_sregs) == 312, "kvm_sregs");
static_assert(sizeof(struct kvm_xsave) == 4096, "kvm_xsave");
static_assert(sizeof(struct kvm_run) == 0x930, "kvm_run");
static_assert(offsetof(struct rf_cpuid, entries) == sizeof(struct kvm_cpuid2), "rf_cpuid");

static int result(int status) { return status < 0 ? -errno : status; }

int rf_kvm_open(const char *path) { return result(open(path, O_RDWR | O_CLOEXEC)); }

int rf_kvm_api_version(int kvm) { return result(ioctl(kvm, KVM_GET_API_VERSION, 0)); }

int rf_kvm_check(int fd, int capability) { return result(ioctl(fd, KVM_CHECK_EXTENSION, capability)); }

int rf_kvm_create_vm(int kvm) {
  int vm;
  do /* interrupted where a signal comes while the kernel makes its threads */
    vm = result(ioctl(kvm, KVM_CREATE_VM, 0));
  while (vm == -EINTR);
  return vm;
}

int rf_kvm_run_size(int kvm) { return result(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0)); }

int rf_kvm_supported_cpuid(int kvm, struct rf_cpuid *cpuid) {
  memset(cpuid, 0, sizeof(*cpuid));
  cpuid->head.nent = RF_CPUID_MAX;
  return result(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid->head));
}

int rf_kvm_create_vcpu(int vm, unsigned id) { return result(ioctl(vm, KVM_CREATE_VCPU, id)); }

int rf_kvm_set_slot(int vm, uint32_t slot, uint64_t gpa, void *host, uint64_t size) {
  struct kvm_userspace_memory_region region = {
      .slot = slot,
      .guest_phys_addr = gpa,
      .memory_size = size,
      .userspace_addr = (uint64_t)(uintptr_t)host,
  };
  return result(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
}

int rf_kvm_set_cpuid(int vcpu, struct rf_cpuid *cpuid) {
  return result(ioctl(vcpu, KVM_SET_CPUID2, &cpuid->head));
}

int rf_kvm_set_msrs(int vcpu, const struct kvm_msr_entry *entries, unsigned count) {
  struct {
    struct kvm_msrs head;
    struct kvm_msr_entry entries[16];
  } msrs = {.head.nmsrs = count};
  if (count > sizeof(msrs.entries) / sizeof(msrs.entries[0]))
    return -EINVAL;
  memcpy(msrs.entries, entries, count * sizeof(*entries));
  int done = result(ioctl(vcpu, KVM_SET_MSRS, &msrs.head));
  return done < 0 ? done : (unsigned)done == count ? 0 : -EINVAL; /* it stops at the first it refuses */
}

/* Documentation/virt/kvm/devices/vcpu.rst, section 4; headers before 5.16 do not know of it. */
#ifndef KVM_VCPU_TSC_CTRL
#define KVM_VCPU_TSC_CTRL 0
#define KVM_VCPU_TSC_OFFSET 0
#endif

int rf_kvm_set_tsc_offset(int vcpu, uint64_t offset) {
  struct kvm_device_attr attribute = {
      .group = KVM_VCPU_TSC_CTRL,
      .attr = KVM_VCPU_TSC_OFFSET,
      .addr = (uintptr_t)&offset,
  };
  return result(ioctl(vcpu, KVM_SET_DEVICE_ATTR, &attribute));
}

int rf_kvm_get_sregs(int vcpu, struct kvm_sregs *sregs) { return result(ioctl(vcpu, KVM_GET_SREGS, sregs)); }

int rf_kvm_set_sregs(int vcpu, const struct kvm_sregs *sregs) {
  return result(ioctl(vcpu, KVM_SET_SREGS, sregs));
}

int rf_kvm_set_xcr0(int vcpu, uint64_t xcr0) {
  struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = xcr0}}};
  return result(ioctl(vcpu, KVM_SET_XCRS, &xcrs));
}

int rf_kvm_get_xsave(int vcpu, struct kvm_xsave *xsave) { return result(ioctl(vcpu, KVM_GET_XSAVE, xsave)); }

int rf_kvm_set_xsave(int vcpu, const struct kvm_xsave *xsave) {
  return result(ioctl(vcpu, KVM_SET_XSAVE, xsave));
}

int rf_kvm_run(int vcpu) { return result(ioctl(vcpu, KVM_RUN, 0)); }
