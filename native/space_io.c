/* The host's own access to guest memory, through the mappings of an address space. */
#include <string.h>

#include "guarded_memory.h"
#include "page_table.h"

/* The next piece of [address, address + left) in host memory, or NULL; `run` becomes its length. */
static uint8_t *piece(const struct rf_space *space, uint64_t address, unsigned access, uint64_t left,
                      uint64_t *run, bool *guarded) {
  uint8_t *host = rf_space_translate(space, address, access, run, guarded);
  if (host && *run > left)
    *run = left;
  return host;
}

uint64_t rf_space_read(const struct rf_space *space, uint64_t address, void *to, uint64_t length) {
  uint64_t done = 0, run, copied;
  bool guarded;
  for (uint8_t *host; done < length; done += run) {
    if (!(host = piece(space, address + done, RF_ACCESS_READ, length - done, &run, &guarded)))
      break;
    if (!guarded)
      memcpy((uint8_t *)to + done, host, run);
    else if ((copied = rf_guarded_read((uint8_t *)to + done, host, run)) < run)
      return done + copied;
  }
  return done;
}

uint64_t rf_space_write(const struct rf_space *space, uint64_t address, const void *from, uint64_t length) {
  uint64_t done = 0, run, copied;
  bool guarded;
  for (uint8_t *host; done < length; done += run) {
    if (!(host = piece(space, address + done, RF_ACCESS_WRITE, length - done, &run, &guarded)))
      break;
    if (!guarded)
      memcpy(host, (const uint8_t *)from + done, run);
    else if ((copied = rf_guarded_write(host, (const uint8_t *)from + done, run)) < run)
      return done + copied;
  }
  return done;
}

uint64_t rf_space_zero(const struct rf_space *space, uint64_t address, uint64_t length) {
  uint64_t done = 0, run, zeroed;
  bool guarded;
  for (uint8_t *host; done < length; done += run) {
    if (!(host = piece(space, address + done, RF_ACCESS_WRITE, length - done, &run, &guarded)))
      break;
    if (!guarded)
      memset(host, 0, run);
    else if ((zeroed = rf_guarded_zero(host, run)) < run)
      return done + zeroed;
  }
  return done;
}

int64_t rf_space_exchange(const struct rf_space *space, uint64_t address, const uint32_t *expected,
                          uint32_t value) {
  uint64_t run;
  bool guarded;
  uint32_t *word = (uint32_t *)(void *)rf_space_translate(space, address, RF_ACCESS_WRITE, &run, &guarded);
  if (!word)
    return -1;
  if (guarded)
    return rf_guarded_exchange(word, expected, value);
  if (!expected)
    return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
  uint32_t before = *expected;
  __atomic_compare_exchange_n(word, &before, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return before;
}
