#include "file_area.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "machine.h"

#define MOST_BYTES (1ull << 40)

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

static int nothing_at(uint8_t *host, uint64_t length) {
  void *mapped =
      mmap(host, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  return mapped == MAP_FAILED ? -errno : 0;
}

int rf_file_area_reserve(struct rf_machine *machine) {
  struct rf_file_area *area = &machine->files;
  if (area->host)
    return 0;
  uint64_t memory_chunks = (machine->memory.size + RF_SLOT_CHUNK - 1) / RF_SLOT_CHUNK;
  /* A chunk's gap, so that no run of pages to flush begins in the memory and ends in the area. */
  uint64_t gpa = RF_GPA_MEMORY + (memory_chunks + 1) * RF_SLOT_CHUNK;
  uint64_t first_slot = RF_FIRST_MEMORY_SLOT + memory_chunks;
  uint64_t end = 1ull << machine->physical_bits;
  if (gpa >= end || first_slot >= machine->slot_count)
    return -ENOSPC;
  uint64_t size = smaller(MOST_BYTES, (machine->slot_count - first_slot) * RF_SLOT_CHUNK);
  size = smaller(size, (end - gpa) & ~(RF_SLOT_CHUNK - 1));
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    size = smaller(size, limit.rlim_cur / 8 & ~(RF_SLOT_CHUNK - 1)); /* the rest is for others */
  for (; size >= RF_SLOT_CHUNK; size = (size / 2) & ~(RF_SLOT_CHUNK - 1)) {
    /* A chunk more, as large pages need guest-physical and host addresses that agree below 2 MiB. */
    uint8_t *room =
        mmap(NULL, size + RF_SLOT_CHUNK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
      continue;
    uint64_t lead = -(uint64_t)(uintptr_t)room & (RF_SLOT_CHUNK - 1);
    if (lead > 0)
      munmap(room, lead);
    munmap(room + lead + size, RF_SLOT_CHUNK - lead);
    area->host = room + lead;
    area->gpa = gpa;
    area->first_slot = (uint32_t)first_slot;
    atomic_store(&area->size, size); /* last: threads of vCPUs look */
    return 0;
  }
  return -ENOMEM;
}

void rf_file_area_release(struct rf_machine *machine) {
  if (machine->files.host)
    munmap(machine->files.host, machine->files.size);
  machine->files.host = NULL;
  machine->files.size = 0;
}

uint64_t rf_file_area_gpa(const struct rf_machine *machine) { return machine->files.gpa; }

uint64_t rf_file_area_size(const struct rf_machine *machine) { return machine->files.size; }

bool rf_file_area_has(const struct rf_file_area *area, uint64_t gpa) {
  return gpa >= area->gpa && gpa - area->gpa < area->size;
}

int rf_file_area_set_slot(struct rf_machine *machine, uint32_t chunk, bool present) {
  const struct rf_file_area *area = &machine->files;
  uint64_t offset = chunk * RF_SLOT_CHUNK;
  return rf_kvm_set_slot(machine->vm, area->first_slot + chunk, area->gpa + offset, area->host + offset,
                         present ? RF_SLOT_CHUNK : 0);
}

int rf_file_area_map(struct rf_machine *machine, uint64_t at, int fd, uint64_t offset, uint64_t length,
                     bool writable) {
  /* Elsewhere first: a file that cannot be mapped must not leave a hole in the reservation, where anybody's
   * memory could come to lie before the guest's eyes. */
  void *mapped = mmap(NULL, length, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED | MAP_NORESERVE, fd,
                      (off_t)offset);
  if (mapped == MAP_FAILED)
    return -errno;
  uint8_t *place = machine->files.host + at;
  if (mremap(mapped, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, place) != MAP_FAILED)
    return 0;
  int status = -errno;
  munmap(mapped, length);
  nothing_at(place, length);
  return status;
}

int rf_file_area_unmap(struct rf_machine *machine, uint64_t at, uint64_t length) {
  return nothing_at(machine->files.host + at, length);
}
