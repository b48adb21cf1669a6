// Ends switches on the calling thread that have used up their budget. A thread that ticks while such switches
// come and go, and sleeps otherwise.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "ptrace_stub.h"

class TraceWatchdog {
public:
  TraceWatchdog() = default;
  TraceWatchdog(const TraceWatchdog &) = delete;
  TraceWatchdog &operator=(const TraceWatchdog &) = delete;
  ~TraceWatchdog() { Stop(); }

  // Before and after a switch on `target` with a budget. False where the host gives no more threads.
  bool Arm(rf_stub_thread *target, uint32_t budget_us);
  void Disarm();
  void Stop();

private:
  void Loop();
  void ExpireIfDue(int64_t now);

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::atomic<bool> asleep_{false};
  std::atomic<int64_t> deadline_{0}; // nanoseconds of CLOCK_MONOTONIC; 0 for none
  std::atomic<int64_t> last_use_{0};
  std::atomic<rf_stub_thread *> target_{nullptr};
};
