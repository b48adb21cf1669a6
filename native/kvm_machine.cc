#include "kvm_machine.h"

#include <cerrno>
#include <cstring>

#include "spare_machine.h"

namespace {

rf_registers *RegistersArgument(const Napi::Value &value) {
  return static_cast<rf_registers *>(value.As<Napi::ArrayBuffer>().Data());
}

Napi::Value Status(const Napi::CallbackInfo &info, int status) {
  return Napi::Number::New(info.Env(), status);
}

Napi::Value Number(const Napi::CallbackInfo &info, uint64_t value) {
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}

uint64_t LongArgument(const Napi::Value &value) {
  return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}

Napi::Error StageError(Napi::Env env, int status, const char *stage) {
  auto error = Napi::Error::New(env, std::string(stage) + ": " + strerror(-status));
  error.Set("errno", Napi::Number::New(env, -status));
  error.Set("stage", Napi::String::New(env, stage));
  return error;
}

} // namespace

void MachineState::Close() {
  if (machine)
    rf_machine_close(machine);
  machine = nullptr;
  memory.reset();
}

Napi::Function Machine::Define(Napi::Env env) {
  return DefineClass(env, "Machine",
                     {
                         InstanceAccessor<&Machine::HostClass>("hostClass"),
                         InstanceAccessor<&Machine::LastAddress>("lastAddress"),
                         InstanceAccessor<&Machine::HasHostCounter>("hasHostCounter"),
                         InstanceMethod<&Machine::TablePages>("tablePages"),
                         InstanceMethod<&Machine::EnableCallSites>("enableCallSites"),
                         InstanceMethod<&Machine::AttachMemory>("attachMemory"),
                         InstanceMethod<&Machine::SetMemorySlot>("setMemorySlot"),
                         InstanceMethod<&Machine::ReserveFileArea>("reserveFileArea"),
                         InstanceMethod<&Machine::FileAreaGpa>("fileAreaGpa"),
                         InstanceMethod<&Machine::SetFileSlot>("setFileSlot"),
                         InstanceMethod<&Machine::MapFile>("mapFile"),
                         InstanceMethod<&Machine::UnmapFile>("unmapFile"),
                         InstanceMethod<&Machine::Commit>("commit"),
                         InstanceMethod<&Machine::CreateVcpu>("createVcpu"),
                         InstanceMethod<&Machine::RunSync>("runSync"),
                         InstanceMethod<&Machine::Repeater>("repeater"),
                         InstanceMethod<&Machine::Start>("start"),
                         InstanceMethod<&Machine::Finish>("finish"),
                         InstanceMethod<&Machine::Wait>("wait"),
                         InstanceMethod<&Machine::PreemptAll>("preemptAll"),
                         InstanceMethod<&Machine::Failure>("failure"),
                         InstanceMethod<&Machine::OnDone>("onDone"),
                         InstanceMethod<&Machine::Dispose>("dispose"),
                     });
}

Machine::Machine(const Napi::CallbackInfo &info)
    : ObjectWrap(info), state_(std::make_shared<MachineState>()) {
  const std::string device = info[0].As<Napi::String>();
  if (info[2].IsObject())
    state_->machine = SpareMachine::Unwrap(info[2].As<Napi::Object>())->Take(device);
  if (!state_->machine)
    OpenMachine(info.Env(), device);
  rf_machine_set_exitless(
      state_->machine, info[1].IsNumber() ? static_cast<rf_exitless>(info[1].As<Napi::Number>().Uint32Value())
                                          : RF_EXITLESS_OFF);
  // The environment ends before its objects are finalised, in no order of ours: by then nothing may run any
  // more.
  napi_add_env_cleanup_hook(info.Env(), OnCleanup, this);
}

Machine::~Machine() {
  Stop();
  if (!cleaned_)
    napi_remove_env_cleanup_hook(Env(), OnCleanup, this);
}

void Machine::OnCleanup(void *self) {
  auto *machine = static_cast<Machine *>(self);
  machine->cleaned_ = true;
  machine->Stop();
}

void Machine::OpenMachine(Napi::Env env, const std::string &device) {
  const char *stage = nullptr;
  int status = rf_machine_open(&state_->machine, device.c_str(), &stage);
  if (status < 0)
    throw StageError(env, status, stage);
}

Napi::Value Machine::HostClass(const Napi::CallbackInfo &info) {
  bool hardware = state_->machine && rf_machine_class(state_->machine) == RF_CLASS_HARDWARE;
  return Napi::String::New(info.Env(), hardware ? "hardware" : "deprivileged");
}

Napi::Value Machine::HasHostCounter(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), state_->machine && rf_machine_has_host_counter(state_->machine));
}

Napi::Value Machine::LastAddress(const Napi::CallbackInfo &info) {
  return Number(info, state_->machine ? rf_machine_last_address(state_->machine) : 0);
}

Napi::Value Machine::TablePages(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), state_->machine ? rf_machine_table_pages(state_->machine) : 0);
}

Napi::Value Machine::EnableCallSites(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), state_->machine && rf_machine_enable_call_sites(state_->machine));
}

Napi::Value Machine::AttachMemory(const Napi::CallbackInfo &info) {
  auto memory = MemoryFile::Unwrap(info[0].As<Napi::Object>())->mapping();
  int status = rf_machine_attach_memory(state_->machine, memory->fd, memory->host, memory->size);
  if (status == 0)
    state_->memory = memory;
  return Status(info, status);
}

Napi::Value Machine::SetMemorySlot(const Napi::CallbackInfo &info) {
  return Status(info,
                rf_machine_set_memory_slot(state_->machine, info[0].As<Napi::Number>().Uint32Value(),
                                           static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value()),
                                           static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value())));
}

Napi::Value Machine::ReserveFileArea(const Napi::CallbackInfo &info) {
  int status = rf_file_area_reserve(state_->machine);
  return status < 0 ? Status(info, status) : Number(info, rf_file_area_size(state_->machine));
}

Napi::Value Machine::FileAreaGpa(const Napi::CallbackInfo &info) {
  return Number(info, rf_file_area_gpa(state_->machine));
}

Napi::Value Machine::SetFileSlot(const Napi::CallbackInfo &info) {
  if (!state_->machine)
    return Status(info, 0); // its slots and its area went with it
  return Status(info, rf_file_area_set_slot(state_->machine, info[0].As<Napi::Number>().Uint32Value(),
                                            info[1].As<Napi::Boolean>()));
}

Napi::Value Machine::MapFile(const Napi::CallbackInfo &info) {
  return Status(info, rf_file_area_map(state_->machine, LongArgument(info[0]),
                                       info[1].As<Napi::Number>().Int32Value(), LongArgument(info[2]),
                                       LongArgument(info[3]), info[4].As<Napi::Boolean>()));
}

Napi::Value Machine::UnmapFile(const Napi::CallbackInfo &info) {
  if (!state_->machine)
    return Status(info, 0);
  return Status(info, rf_file_area_unmap(state_->machine, LongArgument(info[0]), LongArgument(info[1])));
}

void Machine::Commit(const Napi::CallbackInfo &info) {
  rf_machine_commit(state_->machine, LongArgument(info[0]), LongArgument(info[1]),
                    info[2].As<Napi::Boolean>());
}

Napi::Value Machine::CreateVcpu(const Napi::CallbackInfo &info) {
  return Status(info, rf_machine_add_vcpu(state_->machine, info[0].As<Napi::Number>().Uint32Value()));
}

VcpuRunner &Machine::RunnerOf(uint32_t id) {
  std::unique_ptr<VcpuRunner> &runner = runners_[id];
  if (!runner)
    runner = std::make_unique<VcpuRunner>(state_->machine, id, [this, id] { ReportDone(id); });
  return *runner;
}

VcpuRunner::Switch Machine::SwitchArgument(const Napi::CallbackInfo &info) {
  return {Context::Unwrap(info[1].As<Napi::Object>())->context(),
          Space::Unwrap(info[2].As<Napi::Object>())->space(), RegistersArgument(info[3]),
          info[4].As<Napi::Number>().Int32Value()};
}

Napi::Value Machine::RunSync(const Napi::CallbackInfo &info) {
  *last_ = {&RunnerOf(info[0].As<Napi::Number>().Uint32Value()), SwitchArgument(info)};
  return Status(info, last_->runner->RunSync(last_->run, info[5].As<Napi::Number>().Uint32Value()));
}

Napi::Value Machine::Repeater(const Napi::CallbackInfo &info) {
  // The function may outlive the machine.
  auto *last = new std::shared_ptr<Last>(last_);
  napi_value function;
  NAPI_THROW_IF_FAILED(info.Env(),
                       napi_create_function(info.Env(), "repeat", NAPI_AUTO_LENGTH, Repeat, last, &function),
                       Napi::Value());
  Napi::Object object(info.Env(), function);
  object.AddFinalizer([](Napi::Env, std::shared_ptr<Last> *shared) { delete shared; }, last);
  return object;
}

napi_value Machine::Repeat(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  void *data;
  int32_t cpu = -1;
  uint32_t budget = 0;
  napi_get_cb_info(env, info, &count, arguments, nullptr, &data);
  napi_get_value_int32(env, arguments[0], &cpu);
  napi_get_value_uint32(env, arguments[1], &budget);
  Last &last = **static_cast<std::shared_ptr<Last> *>(data);
  last.run.cpu = cpu;
  rf_result result = last.runner ? last.runner->RunSync(last.run, budget) : RF_FAILED;
  napi_value status;
  napi_create_int32(env, result, &status);
  return status;
}

Napi::Value Machine::Start(const Napi::CallbackInfo &info) {
  uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  rf_result result = RunnerOf(id).Start(SwitchArgument(info));
  if (result == RF_PENDING && busy_++ == 0)
    done_.Ref(info.Env());
  return Status(info, result);
}

void Machine::ReportDone(unsigned vcpu) {
  done_.NonBlockingCall(reinterpret_cast<void *>(static_cast<uintptr_t>(vcpu)),
                        [](Napi::Env env, Napi::Function listener, void *id) {
                          listener.Call(
                              {Napi::Number::New(env, static_cast<double>(reinterpret_cast<uintptr_t>(id)))});
                        });
}

Napi::Value Machine::Finish(const Napi::CallbackInfo &info) {
  rf_result result;
  if (!RunnerOf(info[0].As<Napi::Number>().Uint32Value()).Finish(RegistersArgument(info[1]), &result))
    return info.Env().Undefined();
  if (--busy_ == 0)
    done_.Unref(info.Env());
  return Status(info, result);
}

void Machine::Wait(const Napi::CallbackInfo &info) {
  RunnerOf(info[0].As<Napi::Number>().Uint32Value()).Wait();
}

Napi::Value Machine::PreemptAll(const Napi::CallbackInfo &info) {
  rf_machine_preempt_all(state_->machine);
  return info.Env().Undefined();
}

Napi::Value Machine::Failure(const Napi::CallbackInfo &info) {
  char text[128];
  rf_vcpu_describe_failure(rf_machine_vcpu(state_->machine, info[0].As<Napi::Number>().Uint32Value()), text,
                           sizeof(text));
  return Napi::String::New(info.Env(), text);
}

Napi::Value Machine::OnDone(const Napi::CallbackInfo &info) {
  done_ = Napi::ThreadSafeFunction::New(info.Env(), info[0].As<Napi::Function>(), "ringfence vCPUs", 0, 1);
  done_.Unref(info.Env());
  return info.Env().Undefined();
}

void Machine::Stop() {
  *last_ = {};
  for (std::unique_ptr<VcpuRunner> &runner : runners_)
    runner.reset();
  if (done_) {
    done_.Abort();
    done_ = Napi::ThreadSafeFunction();
  }
  state_->Close();
}

void Machine::Dispose(const Napi::CallbackInfo &) { Stop(); }
