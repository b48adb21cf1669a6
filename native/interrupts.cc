#include "interrupts.h"

#include <atomic>
#include <mutex>
#include <unordered_map>

namespace {

struct Target {
  void *context;
  void (*interrupt)(void *context);
};

struct Registry {
  std::mutex mutex;
  std::unordered_map<uint64_t, Target> targets;
};

// Never destroyed: threads may outlive the static objects of a process that exits.
Registry &registry() {
  static Registry *const the_one = new Registry;
  return *the_one;
}

} // namespace

uint64_t rf_interrupts_new_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

void rf_interrupts_add(uint64_t id, void *context, void (*interrupt)(void *context)) {
  std::lock_guard<std::mutex> lock(registry().mutex);
  registry().targets[id] = {context, interrupt};
}

void rf_interrupts_remove(uint64_t id) {
  std::lock_guard<std::mutex> lock(registry().mutex);
  registry().targets.erase(id);
}

bool rf_interrupts_call(uint64_t id) {
  std::lock_guard<std::mutex> lock(registry().mutex);
  auto found = registry().targets.find(id);
  if (found == registry().targets.end())
    return false;
  found->second.interrupt(found->second.context);
  return true;
}

void rf_interrupts_settle() { std::lock_guard<std::mutex> lock(registry().mutex); }
