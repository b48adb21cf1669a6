#include "vcpu_runner.h"

#include <cstring>
#include <utility>

VcpuRunner::VcpuRunner(const rf_machine *machine, unsigned id, std::function<void()> report)
    : vcpu_(rf_machine_vcpu(machine, id)), report_(std::move(report)) {}

VcpuRunner::~VcpuRunner() {
  rf_exchange_recall(vcpu_);
  rf_turn turn = rf_exchange_turn(vcpu_);
  if (turn != RF_TURN_IDLE && turn != RF_TURN_DONE)
    rf_context_interrupt(job_.context);
}

bool VcpuRunner::EnsureThread() {
  if (!thread_)
    thread_ = std::make_unique<VcpuThread>(
        [this] { job_.result = rf_vcpu_run(vcpu_, job_.context, job_.space, &job_.registers, job_.cpu); },
        [this] {
          if (rf_exchange_end(vcpu_) == RF_TURN_REPORTED)
            report_();
        });
  if (!thread_->IsRunning())
    thread_.reset();
  return thread_ != nullptr;
}

bool VcpuRunner::Arm(uint32_t budget) { return budget == 0 || rf_vcpu_arm(vcpu_, budget); }

rf_result VcpuRunner::Enter(const Switch &run, bool exitless, bool on_thread, uint32_t budget) {
  rf_result result = RF_PENDING;
  afresh_ = false;
  // A call that is answered goes on at once.
  if (rf_exchange_holds(vcpu_) && !Arm(budget))
    return RF_NO_THREAD;
  switch (rf_exchange_resume(vcpu_, run.context, run.space, run.registers, run.cpu, &result)) {
  case RF_RESUMED:
    return RF_PENDING;
  case RF_REFUSED:
    return result;
  case RF_AFRESH:
    break;
  }
  afresh_ = true;
  if (rf_space_enter(run.space, vcpu_) < 0)
    return RF_NO_TABLES;
  int status = rf_vcpu_load(vcpu_, run.context);
  if (status < 0)
    return rf_vcpu_fail(vcpu_, status);
  // Only now: a run that had to be recalled may take the end of the budget for its own.
  if (!Arm(budget))
    return RF_NO_THREAD;
  rf_vcpu_forget_preemption(vcpu_);
  if (!on_thread)
    return rf_vcpu_run(vcpu_, run.context, run.space, run.registers, run.cpu);
  job_.context = run.context;
  job_.space = run.space;
  job_.cpu = run.cpu;
  memcpy(&job_.registers, run.registers, sizeof(job_.registers));
  rf_exchange_begin(vcpu_, exitless);
  thread_->StayApart(exitless && rf_exchange_has_room(vcpu_));
  thread_->Start();
  return RF_PENDING;
}

rf_result VcpuRunner::TakeResult(rf_registers *registers) {
  memcpy(registers, &job_.registers, sizeof(*registers));
  rf_exchange_finish(vcpu_);
  return job_.result;
}

rf_result VcpuRunner::Poll(const Switch &run) {
  if (!rf_exchange_listens(vcpu_))
    return RF_PENDING;
  rf_result result = rf_exchange_poll(vcpu_, run.context, run.space, run.registers, afresh_);
  if (result == RF_PENDING && rf_exchange_turn(vcpu_) != RF_TURN_DONE)
    thread_->StayApart(false); // this processor will be free
  return result;
}

rf_result VcpuRunner::RunSync(const Switch &run, uint32_t budget) {
  const uint64_t start = rf_exchange_clock();
  bool exitless = rf_exchange_pays(vcpu_, run.context) && EnsureThread();
  rf_result result = Enter(run, exitless, exitless, budget);
  if (result == RF_PENDING)
    result = Poll(run);
  if (result == RF_PENDING) {
    rf_exchange_await(vcpu_, RF_TURN_AWAITED);
    rf_exchange_sleep(vcpu_);
    result = TakeResult(run.registers);
  }
  rf_exchange_switched(vcpu_, run.context, result, start);
  if (budget > 0)
    rf_vcpu_disarm(vcpu_);
  return result;
}

rf_result VcpuRunner::Start(const Switch &run) {
  if (!EnsureThread())
    return RF_NO_THREAD;
  start_ = rf_exchange_clock();
  rf_result result = Enter(run, rf_exchange_pays(vcpu_, run.context), true, 0);
  if (result == RF_PENDING)
    result = Poll(run);
  if (result == RF_PENDING) {
    if (rf_exchange_await(vcpu_, RF_TURN_REPORTED))
      return RF_PENDING;
    result = TakeResult(run.registers);
  }
  rf_exchange_switched(vcpu_, run.context, result, start_);
  return result;
}

bool VcpuRunner::Finish(rf_registers *registers, rf_result *result) {
  if (rf_exchange_turn(vcpu_) != RF_TURN_DONE || rf_exchange_holds(vcpu_))
    return false;
  *result = TakeResult(registers);
  rf_exchange_switched(vcpu_, job_.context, *result, start_);
  return true;
}

void VcpuRunner::Wait() {
  while (rf_exchange_turn(vcpu_) == RF_TURN_REPORTED)
    std::this_thread::yield();
}
