/*
 * Host files in guest-physical memory: an area behind the memory file, and as much reserved address space of
 * ours behind it. A file is mapped at both by one mmap(2) into the reservation; the memory slots, one a
 * chunk, stay as they are while files come and go, as deleting one makes KVM drop everything it has derived.
 */
#ifndef RINGFENCE_FILE_AREA_H
#define RINGFENCE_FILE_AREA_H

#include <stdbool.h>
#include <stdint.h>

struct rf_machine;

struct rf_file_area {
  uint8_t *host; /* NULL until it is reserved */
  uint64_t gpa;
  _Atomic uint64_t size; /* 0 until then */
  uint32_t first_slot;
};

void rf_file_area_release(struct rf_machine *machine);

/* Whether a guest-physical address lies in it. */
bool rf_file_area_has(const struct rf_file_area *area, uint64_t gpa);

#endif
