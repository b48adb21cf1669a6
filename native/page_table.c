#include "page_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../ring0/abi.h"
#include "exchange.h"
#include "vcpu.h"

#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE (1ull << 1)
#define PTE_USER (1ull << 2)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY (1ull << 6)
#define PTE_LARGE (1ull << 7)
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

/* Rights are in the leaves alone. */
#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER)

/* Levels count from the leaves: 0 is a page table, 3 the PML4. */
#define TOP_LEVEL 3
#define KERNEL_INDEX 511

/* Beyond this many separate ranges, flushing everything is cheaper. */
#define FLUSH_RANGES 8

/* What a change of entries leaves to be done, and the space whose entries they are. */
struct flush {
  const struct rf_space *space;
  struct {
    uint64_t gpa, length;
  } ranges[FLUSH_RANGES];
  unsigned count;
  bool all;
};

static uint64_t span_of(unsigned level) { return 1ull << (12 + 9 * level); }

static unsigned index_of(uint64_t address, unsigned level) { return (address >> (12 + 9 * level)) & 511; }

static bool is_leaf(uint64_t entry, unsigned level) { return level == 0 || (entry & PTE_LARGE); }

static uint64_t leaf_address(uint64_t entry, unsigned level) {
  return entry & PTE_ADDRESS & ~(span_of(level) - 1);
}

/*
 * Where KVM shadows these tables, a fault fills the entries beside it as well, if they have been used and
 * what they point to is there: so those of 4 KiB are born used.
 */
static uint64_t used_flags(const struct rf_machine *machine, unsigned access, unsigned level) {
  if (machine->host_class != RF_CLASS_DEPRIVILEGED || level > 0)
    return 0;
  return PTE_ACCESSED | (access & RF_ACCESS_WRITE ? PTE_DIRTY : 0);
}

static uint64_t leaf_flags(const struct rf_machine *machine, unsigned access, unsigned level) {
  return PTE_PRESENT | PTE_USER | (access & RF_ACCESS_WRITE ? PTE_WRITE : 0) |
         (access & RF_ACCESS_EXECUTE ? 0 : PTE_NX) | (level > 0 ? PTE_LARGE : 0) |
         used_flags(machine, access, level);
}

static uint64_t exchange(uint64_t *entry, uint64_t value) {
  return __atomic_exchange_n(entry, value, __ATOMIC_SEQ_CST);
}

/* The same for an entry that other roots may have, too. */
static uint64_t exchange_all(const struct flush *flush, uint64_t *entry, unsigned level, uint64_t value) {
  const struct rf_space *space = flush->space;
  for (unsigned vcpu = 0; level == TOP_LEVEL && vcpu < RF_MAX_VCPUS; vcpu++) {
    uint64_t root = space->roots[vcpu];
    if (root && root != space->root)
      exchange(&rf_table_entries(&space->machine->tables, root)[(uintptr_t)entry / sizeof(*entry) % 512],
               value);
  }
  return exchange(entry, value);
}

/*
 * Notes that `old`, a leaf just replaced, must not be used any more. A large one takes a flush of everything:
 * KVM's shadow of it may be a table that it shares with other mappings of the same memory and would go on
 * filling.
 */
static void note_stale(struct flush *flush, uint64_t old, unsigned level) {
  if (!(old & PTE_ACCESSED) || flush->all)
    return;
  uint64_t gpa = leaf_address(old, level);
  if (level > 0) {
    flush->all = true;
  } else if (flush->count > 0 &&
             flush->ranges[flush->count - 1].gpa + flush->ranges[flush->count - 1].length == gpa) {
    flush->ranges[flush->count - 1].length += RF_PAGE_SIZE;
  } else if (flush->count < FLUSH_RANGES) {
    flush->ranges[flush->count].gpa = gpa;
    flush->ranges[flush->count++].length = RF_PAGE_SIZE;
  } else {
    flush->all = true;
  }
}

static int finish(struct rf_machine *machine, const struct flush *flush) {
  if (flush->all)
    return rf_machine_flush_all(machine);
  int status = 0;
  for (unsigned i = 0; i < flush->count && status == 0; i++)
    status = rf_machine_flush_range(machine, flush->ranges[i].gpa, flush->ranges[i].length);
  return status;
}

/* Frees a table and all below it. `flush` may be NULL where nothing can run on it any more. */
static void free_table(struct rf_machine *machine, struct flush *flush, uint64_t gpa, unsigned level) {
  uint64_t *entries = rf_table_entries(&machine->tables, gpa);
  unsigned end = level == TOP_LEVEL ? KERNEL_INDEX : 512;
  for (unsigned i = 0; i < end && machine->tables.live[rf_table_index(gpa)] > 0; i++) {
    uint64_t old = entries[i];
    if (!(old & PTE_PRESENT))
      continue;
    if (!is_leaf(old, level))
      free_table(machine, flush, old & PTE_ADDRESS, level - 1);
    old = exchange(&entries[i], 0);
    machine->tables.live[rf_table_index(gpa)]--;
    if (flush && is_leaf(old, level))
      note_stale(flush, old, level);
  }
  rf_table_free(machine, gpa);
}

/* The table below `entry`, made if absent, split if a large page. 0 where no page is left. */
static uint64_t table_below(struct rf_machine *machine, struct flush *flush, uint64_t table, uint64_t *entry,
                            unsigned level) {
  uint64_t old = *entry;
  if ((old & PTE_PRESENT) && !is_leaf(old, level))
    return old & PTE_ADDRESS;
  uint64_t below = rf_table_allocate(machine);
  if (below == 0)
    return 0;
  if (old & PTE_PRESENT) {
    uint64_t *entries = rf_table_entries(&machine->tables, below);
    uint64_t flags = old & ~PTE_ADDRESS & ~(level == 1 ? PTE_LARGE : 0);
    for (unsigned i = 0; i < 512; i++)
      entries[i] = (leaf_address(old, level) + i * span_of(level - 1)) | flags;
    machine->tables.live[rf_table_index(below)] = 512;
  } else {
    machine->tables.live[rf_table_index(table)]++;
  }
  old = exchange_all(flush, entry, level, below | TABLE_FLAGS);
  if (old & PTE_PRESENT)
    note_stale(flush, old, level);
  return below;
}

static void set_leaf(struct rf_machine *machine, struct flush *flush, uint64_t table, uint64_t *entry,
                     unsigned level, uint64_t value) {
  uint64_t old = *entry;
  if ((old & PTE_PRESENT) && !is_leaf(old, level)) {
    /* Unhook first, so that no walk enters the table while it is taken apart. KVM may keep its shadow hooked,
     * as one of the large page. */
    flush->all = true;
    exchange(entry, 0);
    free_table(machine, flush, old & PTE_ADDRESS, level - 1);
    exchange(entry, value);
    return;
  }
  old = exchange(entry, value);
  if (!(old & PTE_PRESENT)) {
    machine->tables.live[rf_table_index(table)]++;
    return;
  }
  /* More rights to the same memory need no flush: a stale entry faults, and the fault walks anew
   * (section 4.10.4.3). */
  bool same = leaf_address(old, level) == leaf_address(value, level);
  bool wider = (!(old & PTE_WRITE) || (value & PTE_WRITE)) && ((old & PTE_NX) || !(value & PTE_NX));
  if (!same || !wider)
    note_stale(flush, old, level);
  else if (old & PTE_ACCESSED) /* what a processor may hold of the old entry is still to be flushed one day */
    __atomic_fetch_or(entry, PTE_ACCESSED, __ATOMIC_SEQ_CST);
}

static bool fits_leaf(const struct rf_machine *machine, unsigned level, uint64_t address, uint64_t gpa,
                      uint64_t length) {
  uint64_t span = span_of(level);
  return level <= (machine->gigabyte_pages ? 2u : 1u) && length >= span &&
         ((address | gpa) & (span - 1)) == 0;
}

static int map_level(struct rf_machine *machine, struct flush *flush, uint64_t table, unsigned level,
                     uint64_t address, uint64_t gpa, uint64_t length, unsigned access) {
  uint64_t span = span_of(level);
  uint64_t *entries = rf_table_entries(&machine->tables, table);
  while (length > 0) {
    uint64_t part = span - (address & (span - 1));
    if (part > length)
      part = length;
    uint64_t *entry = &entries[index_of(address, level)];
    if (fits_leaf(machine, level, address, gpa, part)) {
      set_leaf(machine, flush, table, entry, level, gpa | leaf_flags(machine, access, level));
    } else {
      uint64_t below = table_below(machine, flush, table, entry, level);
      if (below == 0)
        return -ENOMEM;
      int status = map_level(machine, flush, below, level - 1, address, gpa, part, access);
      if (status < 0)
        return status;
    }
    address += part;
    gpa += part;
    length -= part;
  }
  return 0;
}

static int unmap_level(struct rf_machine *machine, struct flush *flush, uint64_t table, unsigned level,
                       uint64_t address, uint64_t length) {
  uint64_t span = span_of(level);
  uint64_t *entries = rf_table_entries(&machine->tables, table);
  uint16_t *live = &machine->tables.live[rf_table_index(table)];
  while (length > 0) {
    uint64_t part = span - (address & (span - 1));
    if (part > length)
      part = length;
    uint64_t *entry = &entries[index_of(address, level)];
    uint64_t old = *entry;
    if (old & PTE_PRESENT) {
      if (part == span) {
        old = exchange_all(flush, entry, level, 0);
        (*live)--;
        if (is_leaf(old, level))
          note_stale(flush, old, level);
        else
          free_table(machine, flush, old & PTE_ADDRESS, level - 1);
      } else {
        uint64_t below = table_below(machine, flush, table, entry, level);
        if (below == 0)
          return -ENOMEM;
        int status = unmap_level(machine, flush, below, level - 1, address, part);
        if (status < 0)
          return status;
        if (machine->tables.live[rf_table_index(below)] == 0) {
          exchange_all(flush, entry, level, 0);
          (*live)--;
          rf_table_free(machine, below);
        }
      }
    }
    address += part;
    length -= part;
  }
  return 0;
}

int rf_space_create(struct rf_space *space, struct rf_machine *machine) {
  memset(space, 0, sizeof(*space));
  space->machine = machine;
  space->root = rf_table_allocate(machine);
  space->call_sites.enabled = machine->call_sites;
  return space->root == 0 ? -ENOMEM : 0;
}

int rf_space_enter(struct rf_space *space, const struct rf_vcpu *vcpu) {
  uint64_t *root = &space->roots[vcpu->id];
  if (*root)
    return 0;
  uint64_t system_entry = rf_call_sites_enter(space, vcpu);
  if (system_entry == 0)
    return -ENOMEM;
  uint64_t *entries = rf_table_entries(&space->machine->tables, space->root);
  if (!(entries[KERNEL_INDEX] & PTE_PRESENT)) {
    *root = space->root;
  } else {
    uint64_t copy = rf_table_allocate(space->machine);
    if (copy == 0)
      return -ENOMEM;
    *root = copy;
    memcpy(rf_table_entries(&space->machine->tables, copy), entries, RF_PAGE_SIZE);
    entries = rf_table_entries(&space->machine->tables, copy);
  }
  exchange(&entries[KERNEL_INDEX], system_entry);
  return 0;
}

/* Nothing may be on its way in it any more. */
static void recall_all(const struct rf_space *space) {
  for (unsigned id = 0; space->root && id < RF_MAX_VCPUS; id++) {
    struct rf_vcpu *vcpu = atomic_load(&space->machine->vcpus[id]);
    if (vcpu && vcpu->held_space == space)
      rf_exchange_recall(vcpu);
  }
}

void rf_space_release(struct rf_space *space) {
  recall_all(space);
  for (unsigned vcpu = 0; vcpu < RF_MAX_VCPUS; vcpu++) {
    if (space->root && space->roots[vcpu] && space->roots[vcpu] != space->root)
      rf_table_free(space->machine, space->roots[vcpu]);
    space->roots[vcpu] = 0;
  }
  if (space->root) {
    free_table(space->machine, NULL, space->root, TOP_LEVEL);
    rf_call_sites_release(space);
  }
  space->root = 0;
}

struct rf_space *rf_space_new(struct rf_machine *machine) {
  struct rf_space *space = malloc(sizeof(*space));
  if (space && rf_space_create(space, machine) < 0) {
    free(space);
    return NULL;
  }
  return space;
}

struct rf_space *rf_space_forget(struct rf_space *space) {
  space->root = 0;
  return space;
}

void rf_space_delete(struct rf_space *space) {
  rf_space_release(space);
  free(space);
}

int rf_space_map(struct rf_space *space, uint64_t address, uint64_t gpa, uint64_t length, unsigned access) {
  struct flush flush = {.space = space};
  int status = map_level(space->machine, &flush, space->root, TOP_LEVEL, address, gpa, length, access);
  /* Not half of it: the caller gives the memory to others. What this cannot split, the other did not reach.
   */
  if (status < 0)
    unmap_level(space->machine, &flush, space->root, TOP_LEVEL, address, length);
  int flushed = finish(space->machine, &flush);
  return flushed < 0 ? flushed : status;
}

int rf_space_unmap(struct rf_space *space, uint64_t address, uint64_t length) {
  struct flush flush = {.space = space};
  int status = unmap_level(space->machine, &flush, space->root, TOP_LEVEL, address, length);
  int flushed = finish(space->machine, &flush);
  return flushed < 0 ? flushed : status;
}

/*
 * The leaf that maps `address`, or 0. A vCPU's thread calls it, too, while the machine's own changes tables:
 * one may have been freed meanwhile and hold entries of another level, so what is read is no address before
 * it has been looked at.
 */
static uint64_t find_leaf(const struct rf_space *space, uint64_t address, unsigned *level) {
  if (space->root == 0 || address >= 1ull << 47)
    return 0;
  uint64_t table = space->root;
  for (*level = TOP_LEVEL; rf_is_table(table); --*level) {
    const uint64_t *entries = rf_table_entries(&space->machine->tables, table);
    uint64_t entry = __atomic_load_n(&entries[index_of(address, *level)], __ATOMIC_RELAXED);
    if (!(entry & PTE_PRESENT))
      return 0;
    if (is_leaf(entry, *level))
      return entry;
    table = entry & PTE_ADDRESS;
  }
  return 0;
}

bool rf_space_permits(const struct rf_space *space, uint64_t address, unsigned access) {
  unsigned level;
  uint64_t entry = find_leaf(space, address, &level);
  return entry && (!(access & RF_ACCESS_WRITE) || (entry & PTE_WRITE)) &&
         (!(access & RF_ACCESS_EXECUTE) || !(entry & PTE_NX));
}

uint8_t *rf_space_translate(const struct rf_space *space, uint64_t address, unsigned access, uint64_t *run,
                            bool *guarded) {
  unsigned level;
  uint64_t entry = find_leaf(space, address, &level);
  if (entry == 0 || ((access & RF_ACCESS_WRITE) && !(entry & PTE_WRITE)))
    return NULL;
  uint64_t within = address & (span_of(level) - 1);
  *run = span_of(level) - within;
  return rf_machine_host_address(space->machine, leaf_address(entry, level) + within, *run, guarded);
}

static uint32_t count_tables(const struct rf_machine *machine, uint64_t table, unsigned level) {
  const uint64_t *entries = rf_table_entries(&machine->tables, table);
  uint32_t count = 1;
  unsigned end = level == TOP_LEVEL ? KERNEL_INDEX : 512;
  for (unsigned i = 0; i < end && level > 0; i++)
    if ((entries[i] & PTE_PRESENT) && !is_leaf(entries[i], level))
      count += level == 1 ? 1 : count_tables(machine, entries[i] & PTE_ADDRESS, level - 1);
  return count;
}

uint32_t rf_space_table_pages(const struct rf_space *space) {
  uint32_t copies = rf_call_sites_pages(space);
  for (unsigned vcpu = 0; vcpu < RF_MAX_VCPUS; vcpu++)
    copies += space->roots[vcpu] != 0 && space->roots[vcpu] != space->root;
  return space->root ? copies + count_tables(space->machine, space->root, TOP_LEVEL) : 0;
}

static int map_system_page(struct rf_machine *machine, uint64_t table, uint64_t va, uint64_t gpa,
                           uint64_t flags) {
  for (unsigned level = TOP_LEVEL - 1; level > 0; level--) {
    struct flush flush = {0};
    table = table_below(machine, &flush, table,
                        &rf_table_entries(&machine->tables, table)[index_of(va, level)], level);
    if (table == 0)
      return -ENOMEM;
  }
  /* Accessed and dirty from the start: these entries never change, and nothing need be written to them. */
  rf_table_entries(&machine->tables, table)[index_of(va, 0)] =
      gpa | flags | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY;
  machine->tables.live[rf_table_index(table)]++;
  return 0;
}

static uint64_t system_page_flags(unsigned page) {
  switch (page) {
  case RF_PAGE_DOORWAY_USER:
    return PTE_USER;
  case RF_PAGE_DOORWAY_KERNEL:
  case RF_PAGE_STUBS:
    return 0;
  case RF_PAGE_IDT:
    return PTE_NX;
  case RF_PAGE_MAILBOX:
    return PTE_NX | PTE_WRITE | PTE_USER;
  default:
    return PTE_NX | PTE_WRITE;
  }
}

/* A page of the system region, from the physical page of that index. */
static int map_page(struct rf_machine *machine, uint64_t table, unsigned page, unsigned from) {
  return map_system_page(machine, table, RF_VA_SYSTEM + page * RF_PAGE_SIZE,
                         RF_GPA_SYSTEM + from * RF_PAGE_SIZE, system_page_flags(page));
}

int rf_map_system_pages(struct rf_machine *machine, unsigned vcpu, uint64_t *entry) {
  unsigned own = RF_PAGE_VCPU + vcpu * RF_VCPU_PAGES;
  uint64_t table = rf_table_allocate(machine);
  int status = table == 0 ? -ENOMEM : 0;
  for (unsigned page = 0; page < RF_PAGE_MAILBOX && status == 0; page++)
    status = map_page(machine, table, page, page);
  for (unsigned page = own; page < own + RF_VCPU_PAGES && status == 0; page++)
    status = map_page(machine, table, page, page);
  if (status == 0)
    status = map_page(machine, table, RF_PAGE_MAILBOX, own + RF_VCPU_MAILBOX);
  if (status == 0)
    status = map_page(machine, table, RF_PAGE_MAILBOX_KERNEL, own + RF_VCPU_MAILBOX);
  *entry = table | TABLE_FLAGS;
  return status;
}
