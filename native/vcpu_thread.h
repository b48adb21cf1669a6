// The thread that runs a vCPU while JavaScript goes on. It takes one job at a time and reports its end.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "kvm.h"

struct VcpuJob {
  rf_context *context;
  const rf_space *space;
  int32_t cpu;
  rf_registers registers;
  rf_result result;
};

class VcpuThread {
public:
  // `done` is called on the thread after each job.
  VcpuThread(rf_vcpu *vcpu, std::function<void()> done);
  ~VcpuThread();
  // False where the host gave no thread; then nothing can be started.
  bool IsRunning() const { return thread_.joinable(); }
  VcpuThread(const VcpuThread &) = delete;
  VcpuThread &operator=(const VcpuThread &) = delete;

  // Not while a job is under way; `job` stays the caller's and is not touched by it until done.
  void Start(VcpuJob *job);

private:
  enum State : uint32_t { kIdle, kSleeping, kJob, kStop };

  void Loop();
  // Waits for a job: awake for a moment, since the next one often follows at once, then asleep.
  State Wait();

  rf_vcpu *vcpu_;
  std::function<void()> done_;
  std::atomic<uint32_t> state_{kIdle};
  VcpuJob *job_ = nullptr;
  std::thread thread_;
};
