#include "table_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"

#define POOL_SIZE (RF_TABLE_CHUNKS * RF_TABLE_CHUNK)
#define POOL_PAGES (RF_TABLE_CHUNKS * RF_TABLE_CHUNK_PAGES)

/* A flush of everything costs as much as a few dozen page faults: worth it for this many pages, not for one.
 */
#define QUARANTINE_WORTH_A_FLUSH 256

int rf_table_pool_create(struct rf_table_pool *pool) {
  memset(pool, 0, sizeof(*pool));
  pool->host = pool->slot = MAP_FAILED;
  pool->fd = memfd_create("ringfence-page-tables", MFD_CLOEXEC);
  if (pool->fd < 0 || ftruncate(pool->fd, POOL_SIZE) < 0)
    return -errno;
  pool->host = mmap(NULL, POOL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, pool->fd, 0);
  pool->slot = mmap(NULL, POOL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, pool->fd, 0);
  if (pool->host == MAP_FAILED || pool->slot == MAP_FAILED)
    return -errno;
  /* Untouched pages of these cost nothing. */
  pool->free = calloc(POOL_PAGES, sizeof(*pool->free));
  pool->quarantine = calloc(POOL_PAGES, sizeof(*pool->quarantine));
  pool->live = calloc(POOL_PAGES, sizeof(*pool->live));
  return pool->free && pool->quarantine && pool->live ? 0 : -ENOMEM;
}

void rf_table_pool_destroy(struct rf_table_pool *pool) {
  if (pool->host && pool->host != MAP_FAILED)
    munmap(pool->host, POOL_SIZE);
  if (pool->slot && pool->slot != MAP_FAILED)
    munmap(pool->slot, POOL_SIZE);
  if (pool->fd > 0)
    close(pool->fd);
  free(pool->free);
  free(pool->quarantine);
  free(pool->live);
  memset(pool, 0, sizeof(*pool));
}

static bool grow(struct rf_machine *machine) {
  struct rf_table_pool *pool = &machine->tables;
  if (pool->chunks == RF_TABLE_CHUNKS)
    return false;
  uint64_t offset = pool->chunks * RF_TABLE_CHUNK;
  if (rf_kvm_set_slot(machine->vm, RF_TABLE_SLOT + pool->chunks, RF_GPA_TABLES + offset, pool->slot + offset,
                      RF_TABLE_CHUNK) < 0)
    return false;
  pool->chunks++;
  return true;
}

static bool end_quarantine(struct rf_machine *machine) {
  struct rf_table_pool *pool = &machine->tables;
  if (rf_machine_flush_all(machine) < 0)
    return false;
  memcpy(pool->free + pool->free_count, pool->quarantine, pool->quarantine_count * sizeof(*pool->free));
  pool->free_count += pool->quarantine_count;
  pool->quarantine_count = 0;
  return true;
}

uint64_t rf_table_allocate(struct rf_machine *machine) {
  struct rf_table_pool *pool = &machine->tables;
  if (pool->free_count == 0 && pool->quarantine_count >= QUARANTINE_WORTH_A_FLUSH)
    end_quarantine(machine);
  uint32_t index;
  if (pool->free_count > 0) {
    index = pool->free[--pool->free_count];
  } else if (pool->fresh < pool->chunks * RF_TABLE_CHUNK_PAGES || grow(machine)) {
    index = pool->fresh++;
  } else if (pool->quarantine_count > 0 && end_quarantine(machine)) {
    index = pool->free[--pool->free_count];
  } else {
    return 0;
  }
  pool->live[index] = 0;
  uint64_t gpa = RF_GPA_TABLES + (uint64_t)index * RF_PAGE_SIZE;
  memset(rf_table_entries(pool, gpa), 0, RF_PAGE_SIZE);
  return gpa;
}

void rf_table_free(struct rf_machine *machine, uint64_t gpa) {
  struct rf_table_pool *pool = &machine->tables;
  pool->quarantine[pool->quarantine_count++] = rf_table_index(gpa);
}

uint32_t rf_table_count(const struct rf_table_pool *pool) {
  return pool->fresh - pool->free_count - pool->quarantine_count;
}
