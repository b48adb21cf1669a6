// Stub processes as JavaScript sees them: a machine of tracer threads, address spaces and contexts.
#pragma once

#include <napi.h>

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "../ring0/abi.h"
#include "memory_file.h"
#include "ptrace_context.h"
#include "ptrace_template.h"
#include "trace_watchdog.h"
#include "vcpu_thread.h"

class TraceContext;

// The template that stubs are forked of, as long as one of them lives.
struct Template {
  rf_template native = {};

  Template() = default;
  Template(const Template &) = delete;
  Template &operator=(const Template &) = delete;
  ~Template() { rf_template_end(&native); }
};

// A stub process and its threads: the first one, which the thread that owns the machine traces and by which
// memory is mapped, and one for each of the machine's tracer threads, made when it is needed.
struct Stub {
  std::shared_ptr<Template> origin;
  rf_stub_thread first = {};
  std::array<std::unique_ptr<rf_stub_thread>, RF_MAX_VCPUS> others;
  TraceContext *unsaved = nullptr; // whose extended state the first thread alone has

  Stub() = default;
  Stub(const Stub &) = delete;
  Stub &operator=(const Stub &) = delete;
  ~Stub() { End(); }
  // The process is gone when it returns. On the thread that owns the machine, as all below.
  void End();
  void SaveState();
  // A system call of the process.
  long Call(long number, const uint64_t (&arguments)[6]);
  // The thread that tracer `runner` drives; nullptr where none can be made.
  rf_stub_thread *ThreadOf(unsigned runner);
};

// new Machine(memoryFile)
class TraceMachine : public Napi::ObjectWrap<TraceMachine> {
public:
  static Napi::Function Define(Napi::Env env);
  explicit TraceMachine(const Napi::CallbackInfo &info);
  ~TraceMachine() override;

  // A new stub process. Throws an Error with `errno` and `stage`.
  std::shared_ptr<Stub> NewStub(Napi::Env env);

private:
  // The template, made anew where there is none or it has been killed.
  std::shared_ptr<Template> LiveTemplate(Napi::Env env);

  struct Runner {
    rf_trace_context *context = nullptr;
    std::shared_ptr<Stub> stub;
    rf_stub_thread *stub_thread = nullptr;
    rf_registers registers = {};
    rf_result result = RF_FAILED;
    std::unique_ptr<VcpuThread> thread;
    bool busy = false;
    std::atomic<bool> done{false};
  };

  // runSync(context, space, registers, budget, cpu): a result.
  Napi::Value RunSync(const Napi::CallbackInfo &info);
  // start(runner, context, space, registers): 0 or a negative errno; the listener is called with the runner.
  Napi::Value Start(const Napi::CallbackInfo &info);
  // finish(runner, registers): the result of the switch that start() began, or undefined while it goes on.
  Napi::Value Finish(const Napi::CallbackInfo &info);
  Napi::Value OnDone(const Napi::CallbackInfo &info);
  void Dispose(const Napi::CallbackInfo &info);

  static void Run(Runner *runner);
  static void OnCleanup(void *self);
  void Stop();
  void ReportDone(unsigned runner);

  std::shared_ptr<MemoryMapping> memory_;
  std::shared_ptr<Template> template_;
  std::vector<std::weak_ptr<Stub>> stubs_;
  std::array<Runner, RF_MAX_VCPUS> runners_;
  TraceWatchdog watchdog_;
  Napi::ThreadSafeFunction done_;
  bool cleaned_ = false; // the environment has ended
  bool stopped_ = false;
  unsigned busy_ = 0;
};

// new Space(machine)
class TraceSpace : public Napi::ObjectWrap<TraceSpace> {
public:
  static Napi::Function Define(Napi::Env env);
  explicit TraceSpace(const Napi::CallbackInfo &info);

  const std::shared_ptr<Stub> &stub() const { return stub_; }

private:
  // map(address, offset, length, access, precommit), of the memory file; unmap(address, length); 0 or a
  // negative errno, as the next two.
  Napi::Value Map(const Napi::CallbackInfo &info);
  Napi::Value Unmap(const Napi::CallbackInfo &info);
  // mapDescriptor(fd, address, offset, length, access, precommit): of any file.
  Napi::Value MapDescriptor(const Napi::CallbackInfo &info);
  // clear(): unmaps everything.
  Napi::Value Clear(const Napi::CallbackInfo &info);
  // read(address, dst), write(address, src): count of bytes before the first that cannot be accessed.
  Napi::Value Read(const Napi::CallbackInfo &info);
  Napi::Value Write(const Napi::CallbackInfo &info);
  // swapUint32(address, value), compareAndSwapUint32(address, expected, value): the value before, or a
  // negative errno.
  Napi::Value Swap(const Napi::CallbackInfo &info);
  Napi::Value CompareAndSwap(const Napi::CallbackInfo &info);
  Napi::Value Process(const Napi::CallbackInfo &info);
  void Release(const Napi::CallbackInfo &info);
  Napi::Value MapShared(const Napi::CallbackInfo &info, size_t first, int fd);
  Napi::Value Copy(const Napi::CallbackInfo &info, long number);

  std::shared_ptr<Stub> stub_;
};

class TraceContext : public Napi::ObjectWrap<TraceContext> {
public:
  static Napi::Function Define(Napi::Env env);
  explicit TraceContext(const Napi::CallbackInfo &info);
  ~TraceContext() override { Free(); }

  rf_trace_context *context() const { return context_; }
  // Takes the extended state from a stub's first thread, if that alone has it. On the machine's thread.
  void SaveState();

  Stub *holder = nullptr; // whose first thread alone has the extended state
  int32_t cpu = -1;

private:
  void Interrupt(const Napi::CallbackInfo &info);
  Napi::Value Id(const Napi::CallbackInfo &info);
  Napi::Value Cpu(const Napi::CallbackInfo &info);
  // getExtendedState(dst), setExtendedState(src): 4096 bytes; 0 or a negative errno.
  Napi::Value GetExtendedState(const Napi::CallbackInfo &info);
  Napi::Value SetExtendedState(const Napi::CallbackInfo &info);
  void Dispose(const Napi::CallbackInfo &info) { (void)info, Free(); }

  void Free();

  rf_trace_context *context_;
};

void InitPtrace(Napi::Env env, Napi::Object exports);
