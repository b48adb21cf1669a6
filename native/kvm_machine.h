// A machine as JavaScript sees it, and what its address spaces and contexts need of it.
#pragma once

#include <napi.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>

#include "../ring0/abi.h"
#include "kvm.h"
#include "memory_file.h"
#include "vcpu_runner.h"

// The machine itself, shared by the objects that refer to it; NULL once it is closed.
struct MachineState {
  rf_machine *machine = nullptr;
  std::shared_ptr<MemoryMapping> memory;

  MachineState() = default;
  MachineState(const MachineState &) = delete;
  MachineState &operator=(const MachineState &) = delete;
  ~MachineState() { Close(); }
  void Close();
};

// new Machine(device, exitless, spare): opens KVM and finds the host's class, or takes a spare machine that
// has. Throws an Error with `errno` and `stage`.
class Machine : public Napi::ObjectWrap<Machine> {
public:
  static Napi::Function Define(Napi::Env env);
  explicit Machine(const Napi::CallbackInfo &info);
  ~Machine() override;

  std::shared_ptr<MachineState> state() const { return state_; }

private:
  Napi::Value HostClass(const Napi::CallbackInfo &info);
  // The first address behind the last one that may be mapped.
  Napi::Value HasHostCounter(const Napi::CallbackInfo &info);
  Napi::Value LastAddress(const Napi::CallbackInfo &info);
  // tablePages(): pages that page tables occupy.
  Napi::Value TablePages(const Napi::CallbackInfo &info);
  // attachMemory(memoryFile): 0 or a negative errno.
  Napi::Value AttachMemory(const Napi::CallbackInfo &info);
  // enableCallSites(): whether address spaces made from now on can have rewritten system calls.
  Napi::Value EnableCallSites(const Napi::CallbackInfo &info);
  // setMemorySlot(slot, offset, size): 0 or a negative errno.
  Napi::Value SetMemorySlot(const Napi::CallbackInfo &info);
  // reserveFileArea(): its size, or a negative errno; then fileAreaGpa() says where it lies.
  Napi::Value ReserveFileArea(const Napi::CallbackInfo &info);
  Napi::Value FileAreaGpa(const Napi::CallbackInfo &info);
  // setFileSlot(chunk, present), mapFile(at, fd, offset, length, writable), unmapFile(at, length): 0 or a
  // negative errno.
  Napi::Value SetFileSlot(const Napi::CallbackInfo &info);
  Napi::Value MapFile(const Napi::CallbackInfo &info);
  Napi::Value UnmapFile(const Napi::CallbackInfo &info);
  // commit(gpa, length, write)
  void Commit(const Napi::CallbackInfo &info);
  // createVcpu(id): 0 or a negative errno.
  Napi::Value CreateVcpu(const Napi::CallbackInfo &info);
  // runSync(vcpu, context, space, registers, cpu, budget): a result.
  Napi::Value RunSync(const Napi::CallbackInfo &info);
  // repeater(): a function (cpu, budget) that does what runSync() did last, with less to look up.
  Napi::Value Repeater(const Napi::CallbackInfo &info);
  static napi_value Repeat(napi_env env, napi_callback_info info);
  // start(vcpu, context, space, registers, cpu): a result, or RF_PENDING; then the listener is called with
  // the vCPU.
  Napi::Value Start(const Napi::CallbackInfo &info);
  // finish(vcpu, registers): the result of the switch that start() began, or undefined while it goes on.
  Napi::Value Finish(const Napi::CallbackInfo &info);
  // wait(vcpu): blocks until the switch that start() began is done.
  void Wait(const Napi::CallbackInfo &info);
  // preemptAll(): every vCPU forgets which context ran last, and those that run are forced out.
  Napi::Value PreemptAll(const Napi::CallbackInfo &info);
  // failure(vcpu): what KVM said, in words.
  Napi::Value Failure(const Napi::CallbackInfo &info);
  // onDone(listener)
  Napi::Value OnDone(const Napi::CallbackInfo &info);
  void Dispose(const Napi::CallbackInfo &info);

  void OpenMachine(Napi::Env env, const std::string &device);
  static void OnCleanup(void *self);
  void Stop();
  void ReportDone(unsigned vcpu);
  VcpuRunner &RunnerOf(uint32_t id);
  // Of the arguments behind the vCPU.
  static VcpuRunner::Switch SwitchArgument(const Napi::CallbackInfo &info);

  // The last switch by runSync(); no runner before the first, and once the machine has ended.
  struct Last {
    VcpuRunner *runner = nullptr;
    VcpuRunner::Switch run = {};
  };

  std::shared_ptr<MachineState> state_;
  std::shared_ptr<Last> last_ = std::make_shared<Last>();
  std::array<std::unique_ptr<VcpuRunner>, RF_MAX_VCPUS> runners_;
  Napi::ThreadSafeFunction done_;
  bool cleaned_ = false; // the environment has ended
  unsigned busy_ = 0;
};

class Space : public Napi::ObjectWrap<Space> {
public:
  static Napi::Function Define(Napi::Env env);
  explicit Space(const Napi::CallbackInfo &info);
  ~Space() override { ReleaseTables(); }

  rf_space *space() const { return space_; }

private:
  // map(address, gpa, length, access), unmap(address, length): 0 or a negative errno.
  Napi::Value Map(const Napi::CallbackInfo &info);
  Napi::Value Unmap(const Napi::CallbackInfo &info);
  // copyIn(address, dst), copyOut(address, src), zeroOut(address, length): bytes done.
  Napi::Value CopyIn(const Napi::CallbackInfo &info);
  Napi::Value CopyOut(const Napi::CallbackInfo &info);
  Napi::Value ZeroOut(const Napi::CallbackInfo &info);
  // swap(address, value), compareAndSwap(address, expected, value): the value before, or -1 for a fault.
  Napi::Value Swap(const Napi::CallbackInfo &info);
  Napi::Value CompareAndSwap(const Napi::CallbackInfo &info);
  // addCallSite(returnAddress, number): the 32 bits of a jump's displacement, or a negative errno.
  Napi::Value AddCallSite(const Napi::CallbackInfo &info);
  // copyCallSites(from): 0 or a negative errno.
  Napi::Value CopyCallSites(const Napi::CallbackInfo &info);
  // tablePages(): pages that its page tables occupy.
  Napi::Value TablePages(const Napi::CallbackInfo &info);
  void Release(const Napi::CallbackInfo &info) { (void)info, ReleaseTables(); }

  void ReleaseTables();

  std::shared_ptr<MachineState> state_;
  rf_space *space_ = nullptr;
};

class Context : public Napi::ObjectWrap<Context> {
public:
  static Napi::Function Define(Napi::Env env);
  explicit Context(const Napi::CallbackInfo &info);
  ~Context() override { Free(); }

  rf_context *context() const { return context_; }

private:
  void Interrupt(const Napi::CallbackInfo &info);
  // publish(number, answer): undefined for none; whether there is one now.
  Napi::Value Publish(const Napi::CallbackInfo &info);
  Napi::Value Id(const Napi::CallbackInfo &info);
  Napi::Value Cpu(const Napi::CallbackInfo &info);
  // getExtendedState(dst), setExtendedState(src): 4096 bytes; 0 or a negative errno.
  Napi::Value GetExtendedState(const Napi::CallbackInfo &info);
  Napi::Value SetExtendedState(const Napi::CallbackInfo &info);
  void Dispose(const Napi::CallbackInfo &info) { (void)info, Free(); }

  void Free();

  rf_context *context_;
};
