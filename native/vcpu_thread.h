// The thread that runs a vCPU while JavaScript goes on. It takes one job at a time and reports its end.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

class VcpuThread {
public:
  // Both are called on the thread: `job` for each Start(), then `done`, which may bring the next one.
  VcpuThread(std::function<void()> job, std::function<void()> done);
  ~VcpuThread();
  // False where the host gave no thread; then nothing can be started.
  bool IsRunning() const { return thread_.joinable(); }
  VcpuThread(const VcpuThread &) = delete;
  VcpuThread &operator=(const VcpuThread &) = delete;

  // Not while a job is under way.
  void Start();
  // Runs jobs on any processor that the caller may run on, but not the one that the caller runs on if it is
  // to stay apart: the scheduler likes to put a thread beside the one that woke it.
  void StayApart(bool apart);

private:
  enum State : uint32_t { kIdle, kSleeping, kJob, kStop };

  void Loop();
  // Waits for a job: awake for a moment, since the next one often follows at once, then asleep.
  State Wait();

  std::function<void()> job_;
  std::function<void()> done_;
  std::atomic<uint32_t> state_{kIdle};
  int avoided_ = -1; // the processor that it stays away from
  std::thread thread_;
};
