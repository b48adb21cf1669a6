#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../ring0/abi.h"
#include "host_facts.h"
#include "page_table.h"
#include "stub.h"
#include "vcpu.h"

enum { SLOT_SYSTEM, SLOT_FLUSH };

_Static_assert(RF_TABLE_SLOT > SLOT_FLUSH, "the page tables' slots come behind the fixed ones");
_Static_assert(RF_TABLE_SLOT + RF_TABLE_CHUNKS <= RF_FIRST_MEMORY_SLOT, "slots of page tables and of memory");

/* Where the flush slot lies: behind the system pages. */
#define GPA_FLUSH (RF_GPA_SYSTEM + RF_SYSTEM_PAGES * RF_PAGE_SIZE)

#define CR4_PAE (1ull << 5)
#define CR4_OSFXSR (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP (1ull << 11)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)

/* State components a guest may use: all but AMX's, whose area would not fit KVM_GET_XSAVE. */
#define XCR0_KNOWN 0x2ffull

static const struct kvm_cpuid_entry2 *find_leaf(const struct rf_cpuid *cpuid, uint32_t function) {
  for (uint32_t i = 0; i < cpuid->head.nent; i++)
    if (cpuid->entries[i].function == function && cpuid->entries[i].index == 0)
      return &cpuid->entries[i];
  return NULL;
}

/* What control registers may hold follows from the CPUID that the vCPUs are given. */
static void choose_features(struct rf_machine *machine) {
  const struct kvm_cpuid_entry2 *basic = find_leaf(&machine->cpuid, 1);
  const struct kvm_cpuid_entry2 *extended = find_leaf(&machine->cpuid, 7);
  const struct kvm_cpuid_entry2 *xsave = find_leaf(&machine->cpuid, 0xd);
  const struct kvm_cpuid_entry2 *amd = find_leaf(&machine->cpuid, 0x80000001);
  machine->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
  if (extended) {
    machine->cr4 |= extended->ebx & (1u << 0) ? RF_CR4_FSGSBASE : 0;
    machine->cr4 |= extended->ebx & (1u << 7) ? CR4_SMEP : 0;
    machine->cr4 |= extended->ebx & (1u << 20) ? CR4_SMAP : 0;
    machine->cr4 |= extended->ecx & (1u << 2) ? CR4_UMIP : 0;
  }
  if (basic && xsave && (basic->ecx & (1u << 26))) {
    machine->cr4 |= CR4_OSXSAVE;
    machine->xcr0 = (((uint64_t)xsave->edx << 32) | xsave->eax) & XCR0_KNOWN;
  }
  machine->gigabyte_pages = amd && (amd->edx & (1u << 26));
  const struct kvm_cpuid_entry2 *sizes = find_leaf(&machine->cpuid, 0x80000008);
  machine->physical_bits = sizes ? sizes->eax & 0xff : 36; /* SDM volume 3, section 4.1.4 */
  machine->linear_bits = sizes ? sizes->eax >> 8 & 0xff : 48;
}

static int set_flush_slot(struct rf_machine *machine, bool present) {
  int status =
      rf_kvm_set_slot(machine->vm, SLOT_FLUSH, GPA_FLUSH, machine->flush_page, present ? RF_PAGE_SIZE : 0);
  if (status == 0)
    machine->flush_slot = present;
  return status;
}

static int map_system_memory(struct rf_machine *machine) {
  uint64_t size = (RF_SYSTEM_PAGES + 1) * RF_PAGE_SIZE;
  machine->system =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (machine->system == MAP_FAILED)
    return -errno;
  machine->flush_page = machine->system + RF_SYSTEM_PAGES * RF_PAGE_SIZE;
  memcpy(machine->system, rf_stub_image, (size_t)(rf_stub_image_end - rf_stub_image));
  rf_write_idt(machine->system + RF_PAGE_IDT * RF_PAGE_SIZE);
  return rf_kvm_set_slot(machine->vm, SLOT_SYSTEM, RF_GPA_SYSTEM, machine->system,
                         RF_SYSTEM_PAGES * RF_PAGE_SIZE);
}

static int check_capabilities(struct rf_machine *machine) {
  if (rf_kvm_api_version(machine->kvm) != KVM_API_VERSION)
    return -ENOTSUP;
  int sync = rf_kvm_check(machine->kvm, KVM_CAP_SYNC_REGS);
  if (sync < 0 || (sync & KVM_SYNC_X86_VALID_FIELDS) != KVM_SYNC_X86_VALID_FIELDS)
    return -ENOTSUP;
  if (rf_kvm_check(machine->kvm, KVM_CAP_IMMEDIATE_EXIT) <= 0 ||
      rf_kvm_check(machine->kvm, KVM_CAP_SYNC_MMU) <= 0)
    return -ENOTSUP;
  return 0;
}

#define STEP(name, expression)                                                                               \
  do {                                                                                                       \
    *stage = name;                                                                                           \
    int status_ = (expression);                                                                              \
    if (status_ < 0) {                                                                                       \
      rf_machine_destroy(machine);                                                                           \
      return status_;                                                                                        \
    }                                                                                                        \
  } while (0)

int rf_machine_create(struct rf_machine *machine, const char *device, const char **stage) {
  memset(machine, 0, sizeof(*machine));
  machine->vm = -1;
  machine->system = MAP_FAILED;
  machine->memory.slot = MAP_FAILED;
  STEP("open", machine->kvm = rf_kvm_open(device));
  STEP("capabilities", check_capabilities(machine));
  machine->tested = rf_recall_host(machine);
  if (!machine->tested)
    STEP("KVM_GET_SUPPORTED_CPUID", rf_kvm_supported_cpuid(machine->kvm, &machine->cpuid));
  choose_features(machine);
  int slots = rf_kvm_check(machine->kvm, KVM_CAP_NR_MEMSLOTS);
  machine->slot_count = slots > 0 ? (uint32_t)slots : 32; /* KVM API document, section 4.35 */
  STEP("KVM_CREATE_VM", machine->vm = rf_kvm_create_vm(machine->kvm));
  int run_size;
  STEP("KVM_GET_VCPU_MMAP_SIZE", run_size = rf_kvm_run_size(machine->kvm));
  machine->run_size = (size_t)run_size;
  STEP("system pages", map_system_memory(machine));
  STEP("page-table pool", rf_table_pool_create(&machine->tables));
  return 0;
}

void rf_machine_destroy(struct rf_machine *machine) {
  /* The VM lives until its last vCPU descriptor is closed, too; memory goes when nothing can run in it. */
  if (machine->vm >= 0)
    close(machine->vm);
  if (machine->kvm >= 0)
    close(machine->kvm);
  machine->vm = machine->kvm = -1;
  if (machine->system != MAP_FAILED)
    munmap(machine->system, (RF_SYSTEM_PAGES + 1) * RF_PAGE_SIZE);
  machine->system = MAP_FAILED;
  if (machine->memory.slot != MAP_FAILED)
    munmap(machine->memory.slot, machine->memory.size);
  machine->memory.slot = MAP_FAILED;
  rf_file_area_release(machine);
  rf_table_pool_destroy(&machine->tables);
}

int rf_machine_attach_memory(struct rf_machine *machine, int fd, uint8_t *host, uint64_t size) {
  uint8_t *slot = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (slot == MAP_FAILED)
    return -errno;
  machine->memory = (struct rf_backing){.host = host, .slot = slot, .size = size, .fd = fd};
  return 0;
}

int rf_machine_set_memory_slot(struct rf_machine *machine, uint32_t slot, uint64_t offset, uint64_t size) {
  if (offset > machine->memory.size || size > machine->memory.size - offset)
    return -EINVAL; /* what lies behind the file in our own address space is nothing of the guest's */
  return rf_kvm_set_slot(machine->vm, slot, RF_GPA_MEMORY + offset, machine->memory.slot + offset, size);
}

uint8_t *rf_machine_host_address(const struct rf_machine *machine, uint64_t gpa, uint64_t length,
                                 bool *guarded) {
  const struct rf_file_area *files = &machine->files;
  *guarded = rf_file_area_has(files, gpa);
  if (*guarded)
    return length <= files->size - (gpa - files->gpa) ? files->host + (gpa - files->gpa) : NULL;
  if (gpa < RF_GPA_MEMORY)
    return NULL;
  uint64_t offset = gpa - RF_GPA_MEMORY;
  if (offset >= machine->memory.size || length > machine->memory.size - offset)
    return NULL;
  return machine->memory.host + offset;
}

/* What KVM derives its translations of `gpa` from; NULL where that is none of guest memory. */
static uint8_t *slot_address(const struct rf_machine *machine, uint64_t gpa) {
  if (rf_file_area_has(&machine->files, gpa))
    return machine->files.host + (gpa - machine->files.gpa);
  if (gpa >= RF_GPA_MEMORY && gpa - RF_GPA_MEMORY < machine->memory.size)
    return machine->memory.slot + (gpa - RF_GPA_MEMORY);
  return NULL;
}

/*
 * KVM never sees the host's own stores to page tables. Dropping the pages from the slots' mapping makes its
 * MMU notifier drop what it derived from them, shadow entries or nested ones, and flush every vCPU's TLB
 * before madvise returns; the file keeps the contents. Not of pages that are locked (mlockall(2)), nor of
 * parts of huge ones.
 */
int rf_machine_flush_range(struct rf_machine *machine, uint64_t gpa, uint64_t length) {
  uint8_t *slot = slot_address(machine, gpa);
  if (!slot || madvise(slot, length, MADV_DONTNEED) == 0)
    return 0;
  return rf_machine_flush_all(machine);
}

/* Ends all running of guests: where old translations cannot be dropped, nothing may use them. */
static void stop(struct rf_machine *machine, int status) {
  atomic_store(&machine->stopped, status);
  for (unsigned id = 0; id < RF_MAX_VCPUS; id++) {
    struct rf_vcpu *vcpu = atomic_load(&machine->vcpus[id]);
    while (vcpu && atomic_load(&vcpu->thread)) {
      rf_vcpu_kick(vcpu);
      sched_yield();
    }
  }
}

/* Deleting any slot makes KVM drop every shadow page and nested table there is. */
int rf_machine_flush_all(struct rf_machine *machine) {
  int status = rf_machine_add_test_page(machine);
  if (status == 0)
    status = set_flush_slot(machine, false);
  if (status < 0) {
    stop(machine, status);
    return -EIO;
  }
  set_flush_slot(machine, true); /* or the next flush does it */
  return 0;
}

void rf_machine_commit(struct rf_machine *machine, uint64_t gpa, uint64_t length, bool write) {
  uint8_t *slot = slot_address(machine, gpa);
  if (!slot || madvise(slot, length, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) == 0)
    return;
  /* Kernels before 5.14 do not know it. */
  if (errno == EINVAL && !rf_file_area_has(&machine->files, gpa))
    fallocate(machine->memory.fd, FALLOC_FL_KEEP_SIZE, (off_t)(gpa - RF_GPA_MEMORY), (off_t)length);
}

uint8_t *rf_machine_vcpu_page(struct rf_machine *machine, unsigned vcpu, unsigned page) {
  return machine->system + (RF_PAGE_VCPU + vcpu * RF_VCPU_PAGES + page) * RF_PAGE_SIZE;
}

/* A slot costs KVM a wait for every reader of its slots: none is set before it is needed. */
int rf_machine_add_test_page(struct rf_machine *machine) {
  return machine->flush_slot ? 0 : set_flush_slot(machine, true);
}

uint64_t rf_machine_test_page_gpa(void) { return GPA_FLUSH; }
