#include "trace_watchdog.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <system_error>

namespace {

constexpr auto kTick = std::chrono::microseconds(500);
// Without a switch for so long the thread goes to sleep.
constexpr int64_t kIdleNanoseconds = 20000000;

int64_t Now() {
  struct timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ll + now.tv_nsec;
}

} // namespace

bool TraceWatchdog::Arm(rf_stub_thread *target, uint32_t budget_us) {
  if (!thread_.joinable()) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    try {
      thread_ = std::thread([this] { Loop(); });
    } catch (const std::system_error &) {
      // Told by the return value.
    }
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    if (!thread_.joinable())
      return false;
  }
  const int64_t now = Now();
  target_ = target;
  last_use_ = now;
  deadline_ = now + budget_us * 1000ll;
  if (asleep_) {
    std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_one();
  }
  return true;
}

void TraceWatchdog::Disarm() { deadline_ = 0; }

void TraceWatchdog::Stop() {
  if (!thread_.joinable())
    return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

void TraceWatchdog::ExpireIfDue(int64_t now) {
  int64_t deadline = deadline_;
  if (deadline == 0 || deadline > now || !deadline_.compare_exchange_strong(deadline, 0))
    return;
  rf_stub_thread *target = target_;
  __atomic_store_n(&target->expired, true, __ATOMIC_RELEASE);
  syscall(SYS_tgkill, target->process, target->tid, RF_STUB_KICK);
}

void TraceWatchdog::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stop_) {
    const int64_t now = Now();
    ExpireIfDue(now);
    if (now - last_use_ <= kIdleNanoseconds || deadline_ != 0) {
      lock.unlock();
      std::this_thread::sleep_for(kTick);
      lock.lock();
      continue;
    }
    asleep_ = true;
    // A switch that was armed before it could see `asleep_` has left its deadline.
    wake_.wait(lock, [this] { return stop_ || deadline_ != 0; });
    asleep_ = false;
  }
}
