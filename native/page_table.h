/*
 * An address space's page tables: four levels, entries of 4 KiB, 2 MiB and 1 GiB (SDM volume 3, section 4.5).
 *
 * Invariants
 *  - Entries are written whole, by the one thread that owns the machine, while vCPUs walk them.
 *  - A present entry that a processor may have cached has its accessed bit set (section 4.8), and KVM's
 * shadow paging keeps to that too. So only changed entries with the bit set need a flush; the flush comes
 * after the write and before the call returns.
 *  - A table whose last present entry goes is freed, and is not used again before everything has been
 * flushed.
 */
#ifndef RINGFENCE_PAGE_TABLE_H
#define RINGFENCE_PAGE_TABLE_H

#include <stdint.h>

#include "call_sites.h"
#include "machine.h"

struct rf_space {
  struct rf_machine *machine;
  uint64_t root; /* guest-physical address of the PML4, 0 once released */
  /*
   * PML4 of each vCPU that it has run on, or 0. They differ in entry 511, where a vCPU sees its own system
   * pages, and are kept in step with `root`, which is the first vCPU's.
   */
  uint64_t roots[RF_MAX_VCPUS];
  struct rf_call_sites call_sites;
};

int rf_space_create(struct rf_space *space, struct rf_machine *machine);
void rf_space_release(struct rf_space *space);

/*
 * The host's address of `address` if the guest may access it so; `run` becomes the bytes up to the page's
 * end, `guarded` whether it is a host file's (guarded_memory.h).
 */
uint8_t *rf_space_translate(const struct rf_space *space, uint64_t address, unsigned access, uint64_t *run,
                            bool *guarded);

/* Whether the entries as they are now let the guest access `address` so. From any thread. */
bool rf_space_permits(const struct rf_space *space, uint64_t address, unsigned access);

/* Makes tables of the system pages as the vCPU sees them; `entry` becomes its entry 511. */
int rf_map_system_pages(struct rf_machine *machine, unsigned vcpu, uint64_t *entry);

#endif
