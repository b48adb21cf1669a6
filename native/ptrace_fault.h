/* What an exception of a guest's is reported as, of what Linux tells of it. */
#ifndef RINGFENCE_PTRACE_FAULT_H
#define RINGFENCE_PTRACE_FAULT_H

#include <signal.h>

#include "ptrace_stub.h"
#include "registers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* siginfo's fields, and the vector that goes with them; the kind of access and the error code are 0. */
void rf_report(struct rf_registers *registers, int signo, int code, uint64_t address);

/* The same of a signal that `thread`, of which `registers` are, has stopped by. The thread's tracer. */
void rf_fault_report(const struct rf_stub_thread *thread, const siginfo_t *siginfo,
                     struct rf_registers *registers);

#ifdef __cplusplus
}
#endif

#endif
