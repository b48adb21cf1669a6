#include "host_facts.h"

#include <pthread.h>
#include <sys/stat.h>

static struct {
  pthread_mutex_t lock; /* a worker of Node.js may open machines as well */
  bool known;
  dev_t device;
  struct rf_cpuid cpuid;
  enum rf_host_class host_class;
  bool host_counter;
  uint64_t last_address;
  uint32_t state_components;
  uint64_t exit_cycles;
  uint32_t doorway_spins;
} facts = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool find_device(const struct rf_machine *machine, dev_t *device) {
  struct stat status;
  if (fstat(machine->kvm, &status) < 0 || !S_ISCHR(status.st_mode))
    return false;
  *device = status.st_rdev;
  return true;
}

bool rf_recall_host(struct rf_machine *machine) {
  dev_t device;
  if (!find_device(machine, &device))
    return false;
  pthread_mutex_lock(&facts.lock);
  bool known = facts.known && facts.device == device;
  if (known) {
    machine->cpuid = facts.cpuid;
    machine->host_class = facts.host_class;
    machine->host_counter = facts.host_counter;
    machine->last_address = facts.last_address;
    machine->state_components = facts.state_components;
    machine->exit_cycles = facts.exit_cycles;
    machine->doorway_spins = facts.doorway_spins;
  }
  pthread_mutex_unlock(&facts.lock);
  return known;
}

void rf_remember_host(const struct rf_machine *machine) {
  dev_t device;
  if (!find_device(machine, &device))
    return;
  pthread_mutex_lock(&facts.lock);
  facts.device = device;
  facts.cpuid = machine->cpuid;
  facts.host_class = machine->host_class;
  facts.host_counter = machine->host_counter;
  facts.last_address = machine->last_address;
  facts.state_components = machine->state_components;
  facts.exit_cycles = machine->exit_cycles;
  facts.doorway_spins = machine->doorway_spins;
  facts.known = true;
  pthread_mutex_unlock(&facts.lock);
}
