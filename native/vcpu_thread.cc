#include "vcpu_thread.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>
#include <system_error>
#include <utility>

#include "kvm.h"

namespace {

// As long as waking a sleeping thread costs: beyond it, spinning gains nothing.
constexpr int64_t kSpinNanoseconds = 30000;

int64_t Now() {
  struct timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ll + now.tv_nsec;
}

void Futex(std::atomic<uint32_t> *word, int operation, uint32_t value) {
  static_assert(sizeof(*word) == sizeof(uint32_t), "a futex is 32 bits");
  syscall(SYS_futex, word, operation, value, nullptr, nullptr, 0);
}

} // namespace

VcpuThread::VcpuThread(std::function<void()> job, std::function<void()> done)
    : job_(std::move(job)), done_(std::move(done)) {
  // The process's signals are for its main thread; only the kick is for this one.
  sigset_t all, old;
  sigfillset(&all);
  sigdelset(&all, rf_kick_signal());
  pthread_sigmask(SIG_SETMASK, &all, &old);
  try {
    thread_ = std::thread([this] { Loop(); });
  } catch (const std::system_error &) {
    // The host gives no more threads: IsRunning() tells.
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

VcpuThread::~VcpuThread() {
  if (state_.exchange(kStop) == kSleeping)
    Futex(&state_, FUTEX_WAKE_PRIVATE, 1);
  if (thread_.joinable())
    thread_.join();
}

void VcpuThread::Start() {
  if (state_.exchange(kJob) == kSleeping)
    Futex(&state_, FUTEX_WAKE_PRIVATE, 1);
}

void VcpuThread::StayApart(bool apart) {
  int avoided = apart ? sched_getcpu() : -1;
  if (avoided == avoided_)
    return;
  cpu_set_t processors;
  if (sched_getaffinity(0, sizeof(processors), &processors) != 0)
    return;
  if (avoided >= 0 && CPU_COUNT(&processors) > 1)
    CPU_CLR(static_cast<unsigned>(avoided), &processors);
  if (pthread_setaffinity_np(thread_.native_handle(), sizeof(processors), &processors) == 0)
    avoided_ = avoided;
}

VcpuThread::State VcpuThread::Wait() {
  const int64_t until = Now() + kSpinNanoseconds;
  do {
    for (int i = 0; i < 64; i++) {
      uint32_t state = state_.load(std::memory_order_acquire);
      if (state != kIdle)
        return static_cast<State>(state);
      _mm_pause();
    }
  } while (Now() < until);
  uint32_t expected = kIdle;
  state_.compare_exchange_strong(expected, kSleeping);
  while (state_.load(std::memory_order_acquire) == kSleeping)
    Futex(&state_, FUTEX_WAIT_PRIVATE, kSleeping);
  return static_cast<State>(state_.load(std::memory_order_acquire));
}

void VcpuThread::Loop() {
  while (Wait() == kJob) {
    job_();
    // Idle before the report, for the report may bring the next job at once; a stop that came meanwhile
    // stays.
    uint32_t expected = kJob;
    state_.compare_exchange_strong(expected, kIdle);
    done_();
  }
}
