/* The pages that page tables are made of: a file of their own, which grows by a memory slot at a time. */
#ifndef RINGFENCE_TABLE_POOL_H
#define RINGFENCE_TABLE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../ring0/abi.h"

#define RF_TABLE_CHUNK 0x200000ull
#define RF_TABLE_CHUNK_PAGES (RF_TABLE_CHUNK / 4096)
#define RF_TABLE_CHUNKS 126
#define RF_TABLE_SLOT 2 /* the first of RF_TABLE_CHUNKS slots */

struct rf_machine;

struct rf_table_pool {
  int fd;
  uint8_t *host; /* what the host reads and writes */
  uint8_t *slot; /* what the memory slots refer to */
  uint32_t chunks;
  uint32_t fresh; /* pages below it have been given out */
  uint32_t *free; /* stacks of page indexes */
  uint32_t free_count;
  /* Freed, but KVM may still keep shadows of them: they may be used again after a flush of everything. */
  uint32_t *quarantine;
  uint32_t quarantine_count;
  uint16_t *live; /* present entries of each page */
};

int rf_table_pool_create(struct rf_table_pool *pool);
void rf_table_pool_destroy(struct rf_table_pool *pool);

/* Guest-physical address of a page of zeroes, or 0 where memory or slots have run out. */
uint64_t rf_table_allocate(struct rf_machine *machine);
void rf_table_free(struct rf_machine *machine, uint64_t gpa);

/* Pages given out and not freed. */
uint32_t rf_table_count(const struct rf_table_pool *pool);

static inline uint32_t rf_table_index(uint64_t gpa) {
  return (uint32_t)((gpa - RF_GPA_TABLES) / RF_PAGE_SIZE);
}

/* Whether a page of the pool lies at `gpa`. */
static inline bool rf_is_table(uint64_t gpa) {
  return gpa >= RF_GPA_TABLES && gpa - RF_GPA_TABLES < RF_TABLE_CHUNKS * RF_TABLE_CHUNK;
}

static inline uint64_t *rf_table_entries(const struct rf_table_pool *pool, uint64_t gpa) {
  return (uint64_t *)(pool->host + (gpa - RF_GPA_TABLES));
}

#endif
