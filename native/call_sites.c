#include "call_sites.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "page_table.h"
#include "vcpu.h"

#define ENTRY_TABLE 7ull /* present, writable, user: rights are in the leaves */
#define ENTRY_LEAF 5ull  /* present, user, read-only, executable */
#define ENTRY_ADDRESS 0x000ffffffffff000ull

/* What undefined opcodes there are, so that pointers do not overlap, and that few pages hold them. */
static const uint8_t byte0[] = {0x06, 0x0e, 0x16, 0x1e, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x82, 0x9a, 0xd4, 0xea};
static const uint8_t byte1[] = {0x16, 0x17, 0x1e, 0x1f};
static const uint8_t byte2[RF_CALL_SITE_PAGES] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f};
#define PAGE_BITS 0x1000ull /* of byte1, those that choose the page */

#define GROUP (sizeof(byte0))
#define PER_PAGE (GROUP * sizeof(byte1))

#define FILLER 0x06 /* undefined, too */

/* mov $number, %eax; movabs $return_address, %rcx; jmp doorway */
#define CODE_SIZE 32u
#define AT_RCX 5u
#define AT_JUMP 15u
#define AFTER_JUMP 20u

#define SYSCALL_SIZE 2

/* Code lies where no byte1 of the page leads: in the 512 bytes at each of these. */
static const uint16_t code_area[sizeof(byte1)] = {0x000, 0x200, 0x800, 0xa00};

static uint64_t page_address(unsigned page) {
  return RF_VA_CALL_SITES | (uint64_t)byte2[page] << 16 | PAGE_BITS;
}

static uint32_t pointer_offset(unsigned within) {
  return (byte1[within / GROUP] << 8 | byte0[within % GROUP]) & 0xfff;
}

static uint32_t code_offset(unsigned within) {
  return code_area[within / GROUP] + (unsigned)(within % GROUP) * CODE_SIZE;
}

static uint8_t *page_bytes(struct rf_machine *machine, uint64_t gpa) {
  return (uint8_t *)rf_table_entries(&machine->tables, gpa);
}

static unsigned index_of(uint64_t address, unsigned level) { return (address >> (12 + 9 * level)) & 511; }

/* Absent entries become present, so nothing need be flushed. */
static void set_entry(struct rf_machine *machine, uint64_t table, unsigned level, uint64_t address,
                      uint64_t value) {
  __atomic_store_n(&rf_table_entries(&machine->tables, table)[index_of(address, level)], value,
                   __ATOMIC_RELEASE);
}

bool rf_machine_enable_call_sites(struct rf_machine *machine) {
  machine->call_sites = machine->host_class == RF_CLASS_DEPRIVILEGED;
  return machine->call_sites;
}

uint64_t rf_call_sites_enter(struct rf_space *space, const struct rf_vcpu *vcpu) {
  struct rf_call_sites *sites = &space->call_sites;
  if (!sites->enabled)
    return vcpu->system_entry;
  uint64_t table = rf_table_allocate(space->machine);
  if (table == 0)
    return 0;
  uint64_t *entries = rf_table_entries(&space->machine->tables, table);
  memcpy(entries, rf_table_entries(&space->machine->tables, vcpu->system_entry & ENTRY_ADDRESS),
         RF_PAGE_SIZE);
  if (sites->directory)
    entries[index_of(RF_VA_CALL_SITES, 2)] = sites->directory | ENTRY_TABLE;
  sites->pointers[vcpu->id] = table;
  return table | ENTRY_TABLE;
}

static void free_pages(struct rf_machine *machine, uint64_t *pages, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    if (pages[i])
      rf_table_free(machine, pages[i]);
    pages[i] = 0;
  }
}

void rf_call_sites_release(struct rf_space *space) {
  struct rf_call_sites *sites = &space->call_sites;
  free_pages(space->machine, sites->pointers, RF_MAX_VCPUS);
  free_pages(space->machine, &sites->directory, 1);
  free_pages(space->machine, &sites->table, 1);
  free_pages(space->machine, sites->pages, RF_CALL_SITE_PAGES);
}

uint32_t rf_call_sites_pages(const struct rf_space *space) {
  const struct rf_call_sites *sites = &space->call_sites;
  uint32_t count = (sites->directory != 0) + (sites->table != 0);
  for (unsigned i = 0; i < RF_MAX_VCPUS; i++)
    count += sites->pointers[i] != 0;
  for (unsigned i = 0; i < RF_CALL_SITE_PAGES; i++)
    count += sites->pages[i] != 0;
  return count;
}

/* A page in `*page`, which the entry of `address` in the table points to; false where none is left. */
static bool link_page(struct rf_machine *machine, uint64_t table, unsigned level, uint64_t address,
                      uint64_t *page) {
  if (*page)
    return true;
  *page = rf_table_allocate(machine);
  if (*page == 0)
    return false;
  if (level == 0)
    memset(page_bytes(machine, *page), FILLER, RF_PAGE_SIZE);
  set_entry(machine, table, level, address, *page | (level == 0 ? ENTRY_LEAF : ENTRY_TABLE));
  return true;
}

static bool link_directory(struct rf_space *space) {
  struct rf_call_sites *sites = &space->call_sites;
  if (sites->directory)
    return true;
  sites->directory = rf_table_allocate(space->machine);
  for (unsigned vcpu = 0; sites->directory && vcpu < RF_MAX_VCPUS; vcpu++)
    if (sites->pointers[vcpu])
      set_entry(space->machine, sites->pointers[vcpu], 2, RF_VA_CALL_SITES, sites->directory | ENTRY_TABLE);
  return sites->directory != 0;
}

static uint8_t *prepare_page(struct rf_space *space, unsigned page) {
  struct rf_call_sites *sites = &space->call_sites;
  uint64_t address = page_address(page);
  if (!link_directory(space) || !link_page(space->machine, sites->directory, 1, address, &sites->table) ||
      !link_page(space->machine, sites->table, 0, address, &sites->pages[page]))
    return NULL;
  return page_bytes(space->machine, sites->pages[page]);
}

static void write_code(uint8_t *to, uint64_t address, uint64_t return_address, uint32_t number) {
  int32_t distance = (int32_t)(int64_t)(RF_VA_SYSTEM + RF_DOORWAY_JUMP - (address + AFTER_JUMP));
  to[0] = 0xb8;
  memcpy(to + 1, &number, sizeof(number));
  to[AT_RCX] = 0x48;
  to[AT_RCX + 1] = 0xb9;
  memcpy(to + AT_RCX + 2, &return_address, sizeof(return_address));
  to[AT_JUMP] = 0xe9;
  memcpy(to + AT_JUMP + 1, &distance, sizeof(distance));
}

int64_t rf_space_add_call_site(struct rf_space *space, uint64_t return_address, uint32_t number) {
  struct rf_call_sites *sites = &space->call_sites;
  if (!sites->enabled)
    return -ENOTSUP;
  uint32_t count = atomic_load(&sites->count);
  unsigned page = count / PER_PAGE, within = count % PER_PAGE;
  if (page == RF_CALL_SITE_PAGES)
    return -ENOSPC;
  uint8_t *bytes = prepare_page(space, page);
  if (!bytes)
    return -ENOMEM;
  uint64_t code = page_address(page) + code_offset(within);
  write_code(bytes + code_offset(within), code, return_address, number);
  memcpy(bytes + pointer_offset(within), &code, sizeof(code));
  atomic_store(&sites->count, count + 1);
  return (uint32_t)(page_address(page) + pointer_offset(within));
}

int rf_space_copy_call_sites(struct rf_space *space, const struct rf_space *from) {
  uint32_t count = atomic_load(&from->call_sites.count);
  if (count == 0)
    return 0;
  if (!space->call_sites.enabled)
    return -ENOTSUP;
  for (unsigned page = 0; page < (count + PER_PAGE - 1) / PER_PAGE; page++) {
    uint8_t *bytes = prepare_page(space, page);
    if (!bytes)
      return -ENOMEM;
    memcpy(bytes, page_bytes(from->machine, from->call_sites.pages[page]), RF_PAGE_SIZE);
  }
  atomic_store(&space->call_sites.count, count);
  return 0;
}

/* The number of the call site whose code has `address`; `at` becomes the offset in it. -1: none. */
static int64_t index_of_code(uint64_t address, unsigned *at) {
  for (unsigned page = 0; page < RF_CALL_SITE_PAGES; page++) {
    uint64_t offset = address - page_address(page);
    if (offset >= RF_PAGE_SIZE)
      continue;
    for (unsigned group = 0; group < sizeof(byte1); group++) {
      uint64_t code = offset - code_area[group];
      if (code >= GROUP * CODE_SIZE)
        continue;
      *at = (unsigned)(code % CODE_SIZE);
      return (int64_t)(page * PER_PAGE + group * GROUP + code / CODE_SIZE);
    }
  }
  return -1;
}

/*
 * Where RCX has been loaded, R11 becomes what goes with it, as before a system call that is restarted.
 */
void rf_leave_call_site(const struct rf_space *space, struct rf_registers *registers) {
  const struct rf_call_sites *sites = &space->call_sites;
  struct user_regs_struct *user = &registers->user;
  unsigned at;
  int64_t index = index_of_code(user->rip, &at);
  if (index < 0 || index >= atomic_load(&sites->count) || (at != 0 && at != AT_RCX && at != AT_JUMP))
    return;
  const uint8_t *code =
      page_bytes(space->machine, sites->pages[index / PER_PAGE]) + code_offset((unsigned)index % PER_PAGE);
  uint32_t number;
  uint64_t return_address;
  memcpy(&number, code + 1, sizeof(number));
  memcpy(&return_address, code + AT_RCX + 2, sizeof(return_address));
  user->rax = number;
  user->rip = return_address - SYSCALL_SIZE;
  if (at == AT_JUMP)
    user->r11 = user->eflags;
}
