/*
 * Where system calls that have been rewritten lead. `mov $number, %eax; syscall` (7 bytes) becomes `jmp
 * *disp32` (7 bytes) through a pointer in these pages, to code of theirs that loads what the two would have
 * and goes on to the doorway. They are an address space's own, readable and executable for its programs, and
 * stay until it ends, so that nothing can be on its way through a place that has become another's.
 *
 * The four bytes of disp32, which lie where the last bytes of `mov` and the `syscall` were, are each an
 * opcode that is undefined in 64-bit mode (SDM volume 2, table A-2): a jump to one of them raises #UD there
 * and does nothing. They are d0 d1 d2 d4, for pointers at ffff_ffff_d4d2_d1d0.
 */
#ifndef RINGFENCE_CALL_SITES_H
#define RINGFENCE_CALL_SITES_H

#include <stdbool.h>
#include <stdint.h>

#include "../ring0/abi.h"

#define RF_CALL_SITE_PAGES 7

struct rf_registers;
struct rf_space;
struct rf_vcpu;

struct rf_call_sites {
  bool enabled;
  /* The levels above the pages, 0: not there. The uppermost is each vCPU's, as it has the system pages, too.
   */
  uint64_t pointers[RF_MAX_VCPUS], directory, table;
  uint64_t pages[RF_CALL_SITE_PAGES];
  _Atomic uint32_t count;
};

/* PML4 entry 511 of the space on the vCPU, which it has not run on, or 0 where no page is left. */
uint64_t rf_call_sites_enter(struct rf_space *space, const struct rf_vcpu *vcpu);
void rf_call_sites_release(struct rf_space *space);
/* Pages that they occupy. */
uint32_t rf_call_sites_pages(const struct rf_space *space);

/*
 * Registers from the way between a call site and the doorway become those of the program, of which the `mov`
 * has been executed, and the call not yet. From any thread.
 */
void rf_leave_call_site(const struct rf_space *space, struct rf_registers *registers);

#endif
