/*
 * A virtual machine: the VM descriptor, the system pages, the page-table pool, and the memory slots.
 */
#ifndef RINGFENCE_MACHINE_H
#define RINGFENCE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "../ring0/abi.h"
#include "file_area.h"
#include "kvm.h"
#include "kvm_ioctl.h"
#include "table_pool.h"
#include "watchdog.h"

#define RF_CR4_FSGSBASE (1ull << 16)

/* Host memory behind guest-physical memory. `slot` is a second mapping of the same file that only KVM reads.
 */
struct rf_backing {
  uint8_t *host;
  uint8_t *slot;
  uint64_t size;
  int fd;
};

struct rf_machine {
  int kvm;
  int vm;
  enum rf_host_class host_class;
  bool smep;
  uint64_t cr4;
  uint64_t xcr0;             /* 0 where the guest's XCR0 is not ours to set */
  uint32_t state_components; /* of the extended state, those that KVM_SET_XSAVE takes */
  bool tested;               /* the self-test has been passed, by it or by one before it */
  bool gigabyte_pages;
  unsigned physical_bits, linear_bits; /* of addresses, on its vCPUs */
  uint32_t slot_count;                 /* memory slots that KVM gives */
  enum rf_exitless exitless;
  bool exitless_pays;         /* as its contexts have last found */
  unsigned processors;        /* that this process may run on */
  _Atomic unsigned exchanges; /* vCPUs in the guest on threads of their own, to be answered without leaving */
  uint64_t exit_cycles;       /* what a way out of the guest and back takes: the self-test measures it */
  uint32_t doorway_spins;     /* how often a doorway looks for a reply: a multiple of it */
  bool host_counter;          /* guests read the host's own time-stamp counter: the self-test finds it */
  uint64_t last_address;      /* user addresses end here: the self-test finds it */
  size_t run_size;
  uint8_t *system; /* RF_SYSTEM_PAGES pages, host mapping */
  uint8_t *flush_page;
  bool flush_slot;     /* its memory slot is there */
  _Atomic int stopped; /* negative errno once translations could not be dropped: nothing runs any more */
  struct rf_backing memory;
  struct rf_file_area files;
  struct rf_table_pool tables;
  bool call_sites; /* address spaces made from now on can have rewritten system calls */
  struct rf_cpuid cpuid;
  struct rf_vcpu *_Atomic vcpus[RF_MAX_VCPUS]; /* filled as they are made; the watchdog reads them */
  struct rf_watchdog watchdog;
};

/* Gives 0 or a negative errno; `stage` then names the step that failed. `host_class` unknown: the self-test
 * decides. */
int rf_machine_create(struct rf_machine *machine, const char *device, const char **stage);
void rf_machine_destroy(struct rf_machine *machine);

/*
 * The host's address of guest-physical memory, for the host's own access; NULL where there is none.
 * `guarded`: it is of a host file, which may end before it (guarded_memory.h).
 */
uint8_t *rf_machine_host_address(const struct rf_machine *machine, uint64_t gpa, uint64_t length,
                                 bool *guarded);

/*
 * Drops every translation of [gpa, gpa + length) that any vCPU holds; on return none uses one. -EIO where
 * that fails: the machine is stopped then.
 */
int rf_machine_flush_range(struct rf_machine *machine, uint64_t gpa, uint64_t length);
/* The same for every translation there is, and every shadow of a page table. */
int rf_machine_flush_all(struct rf_machine *machine);

/* A page of guest memory that nothing else uses while no flush is under way: the self-test runs in it. */
int rf_machine_add_test_page(struct rf_machine *machine);
uint64_t rf_machine_test_page_gpa(void);

uint8_t *rf_machine_vcpu_page(struct rf_machine *machine, unsigned vcpu, unsigned page);

#endif
