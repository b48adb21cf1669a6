/* What `syscall` does on this host: run, not read from a flag. */
#ifndef RINGFENCE_SELF_TEST_H
#define RINGFENCE_SELF_TEST_H

#include "vcpu.h"

/*
 * Runs one `syscall` on `vcpu`, sets the machine's class by where it arrives, and runs it again through that
 * class's doorway. Gives 0 or a negative errno; `stage` then names what went wrong.
 */
int rf_self_test(struct rf_machine *machine, struct rf_vcpu *vcpu, const char **stage);

#endif
