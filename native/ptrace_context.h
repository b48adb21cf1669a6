/*
 * Guest threads on stub processes. Calls on the thread that owns the context, but rf_trace_run (the thread
 * that traces the stub's thread; one at a time) and rf_trace_interrupt (any).
 */
#ifndef RINGFENCE_PTRACE_CONTEXT_H
#define RINGFENCE_PTRACE_CONTEXT_H

#include "kvm.h" /* the contract's results and sizes */
#include "ptrace_stub.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rf_trace_context;

struct rf_trace_context *rf_trace_context_new(void);
void rf_trace_context_delete(struct rf_trace_context *context);
/* Never used twice, by contexts of the other platform neither. */
uint64_t rf_trace_context_id(const struct rf_trace_context *context);

/*
 * Runs the context on `thread` until it must be answered. The report has siginfo's fields; what kind of
 * access a fault was is not known here.
 */
enum rf_result rf_trace_run(struct rf_stub_thread *thread, struct rf_trace_context *context,
                            struct rf_registers *registers);
void rf_trace_interrupt(struct rf_trace_context *context);

/*
 * The extended state moves between threads with the context: `rf_trace_save` takes it from the thread that
 * has it, on the thread that traces that one, before it goes elsewhere or the thread ends.
 */
int rf_trace_save(struct rf_stub_thread *thread, struct rf_trace_context *context);

/* RF_XSAVE_SIZE bytes in XSAVE's standard format, as saved. */
int rf_trace_get_xsave(const struct rf_trace_context *context, void *xsave);
int rf_trace_set_xsave(struct rf_trace_context *context, const void *xsave);

#ifdef __cplusplus
}
#endif

#endif
