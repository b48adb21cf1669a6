/*
 * Access to mappings of files that others may cut short at any time: what is not there any more is reported,
 * and raises no SIGBUS in this process, whose handler of it belongs to others.
 */
#ifndef RINGFENCE_GUARDED_MEMORY_H
#define RINGFENCE_GUARDED_MEMORY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Copy between ordinary memory and such a mapping; give the bytes done before the first page that is not
 * there. */
uint64_t rf_guarded_read(void *to, const void *mapping, uint64_t length);
uint64_t rf_guarded_write(void *mapping, const void *from, uint64_t length);
uint64_t rf_guarded_zero(void *mapping, uint64_t length);

/*
 * Atomically stores `value` in `word`, with `expected` only where it holds that. The value before, or -1
 * where it is not there. Takes as long as making a process does.
 */
int64_t rf_guarded_exchange(uint32_t *word, const uint32_t *expected, uint32_t value);

#ifdef __cplusplus
}
#endif

#endif
