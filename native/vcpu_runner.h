// Switches on one vCPU: on the calling thread, or on the vCPU's own.
#pragma once

#include <functional>
#include <memory>

#include "exchange.h"
#include "kvm.h"
#include "vcpu_thread.h"

class VcpuRunner {
public:
  // `report` is called on the vCPU's thread at the end of a switch that Start() left pending.
  VcpuRunner(const rf_machine *machine, unsigned id, std::function<void()> report);
  // Ends what is under way.
  ~VcpuRunner();
  VcpuRunner(const VcpuRunner &) = delete;
  VcpuRunner &operator=(const VcpuRunner &) = delete;

  // A switch of what the caller gives; a `budget` in microseconds, or 0.
  struct Switch {
    rf_context *context;
    rf_space *space;
    rf_registers *registers;
    int32_t cpu;
  };
  rf_result RunSync(const Switch &run, uint32_t budget);
  // RF_PENDING: then the report comes, and Finish() gives the result.
  rf_result Start(const Switch &run);
  // False while the switch goes on, and where there is none.
  bool Finish(rf_registers *registers, rf_result *result);
  // Blocks until the switch that Start() left pending is done.
  void Wait();

private:
  // The result of a switch that has ended, or RF_PENDING where it is under way on the thread, on which it may
  // begin.
  rf_result Enter(const Switch &run, bool exitless, bool on_thread, uint32_t budget);
  // Looks for a call where the doorway has been told so.
  rf_result Poll(const Switch &run);
  // Begins the budget of a switch; false where the host gives no thread to end it.
  bool Arm(uint32_t budget);
  bool EnsureThread();
  rf_result TakeResult(rf_registers *registers);

  rf_vcpu *vcpu_;
  std::function<void()> report_;
  struct {
    rf_context *context;
    const rf_space *space;
    int32_t cpu;
    rf_registers registers;
    rf_result result;
  } job_ = {};
  uint64_t start_ = 0;  // of the switch that Start() began
  bool afresh_ = false; // the switch under way has loaded its registers
  std::unique_ptr<VcpuThread> thread_;
};
