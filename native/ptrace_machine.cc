#include "ptrace_machine.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ptrace_sigchld.h"

namespace {

rf_registers *RegistersArgument(const Napi::Value &value) {
  return static_cast<rf_registers *>(value.As<Napi::ArrayBuffer>().Data());
}

Napi::Value Status(const Napi::CallbackInfo &info, int status) {
  return Napi::Number::New(info.Env(), status);
}

Napi::Error StageError(Napi::Env env, int status, const char *stage) {
  auto error = Napi::Error::New(env, std::string("cannot ") + stage + ": " + strerror(-status));
  error.Set("errno", Napi::Number::New(env, -status));
  error.Set("stage", Napi::String::New(env, stage));
  return error;
}

} // namespace

void Stub::SaveState() {
  if (unsaved)
    unsaved->SaveState();
}

void Stub::End() {
  SaveState();
  if (first.process == 0)
    return;
  rf_stub_kill(&first);
  for (const auto &thread : others) {
    if (thread)
      rf_stub_reap(thread.get());
  }
  rf_stub_reap(&first);
  first.process = 0;
  first.dead = true;
  origin.reset();
}

long Stub::Call(long number, const uint64_t (&arguments)[6]) {
  rf_sigchld_quiet();
  rf_stub_follow(&first);
  return rf_stub_call(&first, number, arguments);
}

rf_stub_thread *Stub::ThreadOf(unsigned runner) {
  auto &thread = others[runner];
  if (thread)
    return thread.get();
  auto made = std::make_unique<rf_stub_thread>();
  if (rf_stub_clone(&first, made.get()) < 0)
    return nullptr;
  thread = std::move(made);
  return thread.get();
}

Napi::Function TraceMachine::Define(Napi::Env env) {
  return DefineClass(env, "Machine",
                     {
                         InstanceMethod<&TraceMachine::RunSync>("runSync"),
                         InstanceMethod<&TraceMachine::Start>("start"),
                         InstanceMethod<&TraceMachine::Finish>("finish"),
                         InstanceMethod<&TraceMachine::OnDone>("onDone"),
                         InstanceMethod<&TraceMachine::Dispose>("dispose"),
                     });
}

TraceMachine::TraceMachine(const Napi::CallbackInfo &info)
    : ObjectWrap(info), memory_(MemoryFile::Unwrap(info[0].As<Napi::Object>())->mapping()) {
  // The environment ends before its objects are finalised, in no order of ours: by then nothing may run any
  // more.
  napi_add_env_cleanup_hook(info.Env(), OnCleanup, this);
  rf_sigchld_begin();
}

TraceMachine::~TraceMachine() {
  Stop();
  if (!cleaned_)
    napi_remove_env_cleanup_hook(Env(), OnCleanup, this);
}

void TraceMachine::OnCleanup(void *self) {
  auto *machine = static_cast<TraceMachine *>(self);
  machine->cleaned_ = true;
  machine->Stop();
}

std::shared_ptr<Template> TraceMachine::LiveTemplate(Napi::Env env) {
  if (template_ && !template_->native.thread.dead)
    return template_;
  const char *stage = "use a machine that is disposed of";
  auto made = std::make_shared<Template>();
  int status = memory_ ? rf_template_spawn(memory_->fd, &made->native, &stage) : -EBADF;
  if (status < 0)
    throw StageError(env, status, stage);
  return template_ = made;
}

std::shared_ptr<Stub> TraceMachine::NewStub(Napi::Env env) {
  auto stub = std::make_shared<Stub>();
  int status = -ESRCH;
  // The death of a template is noticed by what it is asked next.
  for (int i = 0; i < 2 && status == -ESRCH; i++) {
    stub->origin = LiveTemplate(env);
    status = rf_template_fork(&stub->origin->native, &stub->first);
  }
  if (status < 0)
    throw StageError(env, status, "fork a stub process");
  stubs_.erase(std::remove_if(stubs_.begin(), stubs_.end(), [](const auto &weak) { return weak.expired(); }),
               stubs_.end());
  stubs_.push_back(stub);
  return stub;
}

Napi::Value TraceMachine::RunSync(const Napi::CallbackInfo &info) {
  auto *context = TraceContext::Unwrap(info[0].As<Napi::Object>());
  Stub *stub = TraceSpace::Unwrap(info[1].As<Napi::Object>())->stub().get();
  const uint32_t budget = info[3].As<Napi::Number>().Uint32Value();
  if (stub->unsaved != context) {
    stub->SaveState();
    context->SaveState();
  }
  rf_sigchld_quiet();
  rf_stub_follow(&stub->first);
  if (budget != 0 && !watchdog_.Arm(&stub->first, budget))
    return Status(info, RF_FAILED);
  rf_result result = rf_trace_run(&stub->first, context->context(), RegistersArgument(info[2]));
  if (budget != 0)
    watchdog_.Disarm();
  stub->unsaved = context;
  context->holder = stub;
  context->cpu = info[4].As<Napi::Number>().Int32Value();
  return Status(info, result);
}

Napi::Value TraceMachine::Start(const Napi::CallbackInfo &info) {
  const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  Runner &runner = runners_[id];
  auto *context = TraceContext::Unwrap(info[1].As<Napi::Object>());
  runner.stub = TraceSpace::Unwrap(info[2].As<Napi::Object>())->stub();
  runner.stub_thread = runner.stub->ThreadOf(id);
  if (!runner.stub_thread)
    return Status(info, -EAGAIN);
  context->SaveState();
  context->cpu = static_cast<int32_t>(id);
  runner.context = context->context();
  memcpy(&runner.registers, RegistersArgument(info[3]), sizeof(rf_registers));
  if (!runner.thread)
    runner.thread = std::make_unique<VcpuThread>([&runner] { Run(&runner); },
                                                 [this, &runner, id] {
                                                   runner.done = true;
                                                   ReportDone(id);
                                                 });
  if (!runner.thread->IsRunning()) {
    runner.thread.reset();
    return Status(info, -EAGAIN);
  }
  rf_sigchld_quiet();
  runner.busy = true;
  runner.done = false;
  if (busy_++ == 0)
    done_.Ref(info.Env());
  runner.thread->Start();
  return Status(info, 0);
}

// On the runner's own thread, which traces the stub's thread from its first switch on. The extended state is
// saved each time: whoever needs it next cannot ask this thread while it runs another context.
void TraceMachine::Run(Runner *runner) {
  runner->result = RF_FAILED;
  if (!runner->stub_thread->attached && rf_stub_attach(runner->stub_thread) < 0)
    return;
  runner->result = rf_trace_run(runner->stub_thread, runner->context, &runner->registers);
  if (rf_trace_save(runner->stub_thread, runner->context) < 0)
    runner->result = RF_FAILED;
}

void TraceMachine::ReportDone(unsigned runner) {
  done_.NonBlockingCall(reinterpret_cast<void *>(static_cast<uintptr_t>(runner)),
                        [](Napi::Env env, Napi::Function listener, void *id) {
                          listener.Call(
                              {Napi::Number::New(env, static_cast<double>(reinterpret_cast<uintptr_t>(id)))});
                        });
}

Napi::Value TraceMachine::Finish(const Napi::CallbackInfo &info) {
  Runner &runner = runners_[info[0].As<Napi::Number>().Uint32Value()];
  if (!runner.busy || !runner.done)
    return info.Env().Undefined();
  memcpy(RegistersArgument(info[1]), &runner.registers, sizeof(rf_registers));
  runner.busy = false;
  runner.stub.reset();
  if (--busy_ == 0)
    done_.Unref(info.Env());
  return Status(info, runner.result);
}

Napi::Value TraceMachine::OnDone(const Napi::CallbackInfo &info) {
  done_ = Napi::ThreadSafeFunction::New(info.Env(), info[0].As<Napi::Function>(), "ringfence tracers", 0, 1);
  done_.Unref(info.Env());
  return info.Env().Undefined();
}

void TraceMachine::Stop() {
  if (!stopped_)
    rf_sigchld_end();
  stopped_ = true;
  for (Runner &runner : runners_) {
    if (runner.thread && runner.busy)
      rf_trace_interrupt(runner.context);
    runner.thread.reset();
    runner.stub.reset();
    runner.busy = false;
  }
  watchdog_.Stop();
  if (done_) {
    done_.Abort();
    done_ = Napi::ThreadSafeFunction();
  }
  for (const auto &weak : stubs_) {
    if (auto stub = weak.lock())
      stub->End();
  }
  stubs_.clear();
  template_.reset();
  memory_.reset();
}

void TraceMachine::Dispose(const Napi::CallbackInfo &) { Stop(); }
