/*
 * The contexts of the process by number, of whatever platform and thread, so that any thread can interrupt
 * them. All functions may be called on any thread.
 */
#ifndef RINGFENCE_INTERRUPTS_H
#define RINGFENCE_INTERRUPTS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A number for a context: from 1, never given twice. */
uint64_t rf_interrupts_new_id(void);

/* From then on until the removal `interrupt` may be called with `context`, on any thread. */
void rf_interrupts_add(uint64_t id, void *context, void (*interrupt)(void *context));
/* Nothing of the context is used any more when it returns. */
void rf_interrupts_remove(uint64_t id);

/* False where no context has the number any more. */
bool rf_interrupts_call(uint64_t id);

/*
 * Returns when every interruption that was under way is over: what it has met, such as a vCPU that the
 * context has left meanwhile, may be freed then.
 */
void rf_interrupts_settle(void);

#ifdef __cplusplus
}
#endif

#endif
