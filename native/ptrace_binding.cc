#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "interrupts.h"
#include "ptrace_machine.h"

namespace {

uint64_t AddressArgument(const Napi::Value &value) {
  return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}

Napi::Value Status(const Napi::CallbackInfo &info, int status) {
  return Napi::Number::New(info.Env(), status);
}

// x86 has no memory that can be written or executed and not read; protection keys, by which Linux makes
// some, would let the two platforms differ.
uint64_t ProtectionOf(uint32_t access) {
  return PROT_READ | (access & RF_ACCESS_WRITE ? PROT_WRITE : 0u) |
         (access & RF_ACCESS_EXECUTE ? PROT_EXEC : 0u);
}

// swapUint32(memoryFile, offset, value), compareAndSwapUint32(memoryFile, offset, expected, value): the value
// before.
uint32_t *WordArgument(const Napi::CallbackInfo &info) {
  auto mapping = MemoryFile::Unwrap(info[0].As<Napi::Object>())->mapping();
  const uint64_t offset = AddressArgument(info[1]);
  if (!mapping || offset > mapping->size - sizeof(uint32_t))
    throw Napi::RangeError::New(info.Env(), "a word outside the memory file");
  return reinterpret_cast<uint32_t *>(mapping->host + offset);
}

Napi::Value Swap(const Napi::CallbackInfo &info) {
  uint32_t before =
      __atomic_exchange_n(WordArgument(info), info[2].As<Napi::Number>().Uint32Value(), __ATOMIC_SEQ_CST);
  return Napi::Number::New(info.Env(), before);
}

Napi::Value CompareAndSwap(const Napi::CallbackInfo &info) {
  uint32_t expected = info[2].As<Napi::Number>().Uint32Value();
  __atomic_compare_exchange_n(WordArgument(info), &expected, info[3].As<Napi::Number>().Uint32Value(), false,
                              __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return Napi::Number::New(info.Env(), expected);
}

} // namespace

Napi::Function TraceSpace::Define(Napi::Env env) {
  return DefineClass(env, "Space",
                     {
                         InstanceMethod<&TraceSpace::Map>("map"),
                         InstanceMethod<&TraceSpace::Unmap>("unmap"),
                         InstanceMethod<&TraceSpace::MapDescriptor>("mapDescriptor"),
                         InstanceMethod<&TraceSpace::Clear>("clear"),
                         InstanceMethod<&TraceSpace::Read>("read"),
                         InstanceMethod<&TraceSpace::Write>("write"),
                         InstanceMethod<&TraceSpace::Swap>("swapUint32"),
                         InstanceMethod<&TraceSpace::CompareAndSwap>("compareAndSwapUint32"),
                         InstanceMethod<&TraceSpace::Release>("release"),
                         InstanceAccessor<&TraceSpace::Process>("process"),
                     });
}

TraceSpace::TraceSpace(const Napi::CallbackInfo &info)
    : ObjectWrap(info), stub_(TraceMachine::Unwrap(info[0].As<Napi::Object>())->NewStub(info.Env())) {}

// mmap(2) of `fd`, a descriptor of the stub; the arguments of map() from `first` on.
Napi::Value TraceSpace::MapShared(const Napi::CallbackInfo &info, size_t first, int fd) {
  const uint64_t arguments[6] = {
      AddressArgument(info[first]),
      AddressArgument(info[first + 2]),
      ProtectionOf(info[first + 3].As<Napi::Number>().Uint32Value()),
      MAP_SHARED | MAP_FIXED | (info[first + 4].As<Napi::Boolean>() ? MAP_POPULATE : 0u),
      static_cast<uint64_t>(fd),
      AddressArgument(info[first + 1]),
  };
  long result = stub_->Call(SYS_mmap, arguments);
  return Status(info, result < 0 ? static_cast<int>(result) : 0);
}

Napi::Value TraceSpace::Map(const Napi::CallbackInfo &info) { return MapShared(info, 0, RF_STUB_MEMORY_FD); }

Napi::Value TraceSpace::MapDescriptor(const Napi::CallbackInfo &info) {
  if (!stub_->origin)
    return Status(info, -ESRCH);
  rf_template *origin = &stub_->origin->native;
  const int number = rf_template_open(origin, info[0].As<Napi::Number>().Int32Value());
  if (number < 0)
    return Status(info, number);
  Napi::Value result = MapShared(info, 1, number);
  rf_template_close(origin, number);
  return result;
}

Napi::Value TraceSpace::Unmap(const Napi::CallbackInfo &info) {
  return Status(
      info, static_cast<int>(stub_->Call(SYS_munmap, {AddressArgument(info[0]), AddressArgument(info[1])})));
}

Napi::Value TraceSpace::Clear(const Napi::CallbackInfo &info) {
  stub_->SaveState();
  return Status(info, static_cast<int>(stub_->Call(SYS_munmap, {0, RF_STUB_PAGE})));
}

// process_vm_readv(2) or process_vm_writev(2): both stop at the first page that does not allow it, whatever
// the file behind it has become.
Napi::Value TraceSpace::Copy(const Napi::CallbackInfo &info, long number) {
  auto bytes = info[1].As<Napi::Uint8Array>();
  struct iovec ours = {bytes.Data(), bytes.ByteLength()};
  struct iovec theirs = {reinterpret_cast<void *>(AddressArgument(info[0])), bytes.ByteLength()};
  const long copied = syscall(number, stub_->first.process, &ours, 1, &theirs, 1, 0);
  return Napi::Number::New(info.Env(), copied < 0 ? 0 : static_cast<double>(copied));
}

Napi::Value TraceSpace::Read(const Napi::CallbackInfo &info) { return Copy(info, SYS_process_vm_readv); }

Napi::Value TraceSpace::Write(const Napi::CallbackInfo &info) { return Copy(info, SYS_process_vm_writev); }

Napi::Value TraceSpace::Swap(const Napi::CallbackInfo &info) {
  rf_stub_follow(&stub_->first);
  const int64_t before =
      rf_stub_exchange(&stub_->first, AddressArgument(info[0]), info[1].As<Napi::Number>().Uint32Value());
  return Napi::Number::New(info.Env(), static_cast<double>(before));
}

Napi::Value TraceSpace::CompareAndSwap(const Napi::CallbackInfo &info) {
  rf_stub_follow(&stub_->first);
  const int64_t before = rf_stub_compare_exchange(&stub_->first, AddressArgument(info[0]),
                                                  info[1].As<Napi::Number>().Uint32Value(),
                                                  info[2].As<Napi::Number>().Uint32Value());
  return Napi::Number::New(info.Env(), static_cast<double>(before));
}

// The stub's process id.
Napi::Value TraceSpace::Process(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), stub_ ? stub_->first.process : 0);
}

void TraceSpace::Release(const Napi::CallbackInfo &) {
  if (stub_)
    stub_->End();
  stub_.reset();
}

Napi::Function TraceContext::Define(Napi::Env env) {
  return DefineClass(env, "Context",
                     {
                         InstanceMethod<&TraceContext::Interrupt>("interrupt"),
                         InstanceAccessor<&TraceContext::Id>("id"),
                         InstanceAccessor<&TraceContext::Cpu>("cpu"),
                         InstanceMethod<&TraceContext::GetExtendedState>("getExtendedState"),
                         InstanceMethod<&TraceContext::SetExtendedState>("setExtendedState"),
                         InstanceMethod<&TraceContext::Dispose>("dispose"),
                     });
}

TraceContext::TraceContext(const Napi::CallbackInfo &info)
    : ObjectWrap(info), context_(rf_trace_context_new()) {
  if (!context_)
    throw Napi::Error::New(info.Env(), "no memory left for a context");
  rf_interrupts_add(rf_trace_context_id(context_), context_,
                    [](void *context) { rf_trace_interrupt(static_cast<rf_trace_context *>(context)); });
}

void TraceContext::SaveState() {
  if (!holder)
    return;
  // A stub that has died took the state with it; the switch that met its death has said so.
  rf_trace_save(&holder->first, context_);
  holder->unsaved = nullptr;
  holder = nullptr;
}

void TraceContext::Free() {
  if (holder)
    holder->unsaved = nullptr;
  holder = nullptr;
  if (context_) {
    rf_interrupts_remove(rf_trace_context_id(context_));
    rf_trace_context_delete(context_);
  }
  context_ = nullptr;
}

void TraceContext::Interrupt(const Napi::CallbackInfo &) { rf_trace_interrupt(context_); }

Napi::Value TraceContext::Id(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), static_cast<double>(rf_trace_context_id(context_)));
}

Napi::Value TraceContext::Cpu(const Napi::CallbackInfo &info) { return Napi::Number::New(info.Env(), cpu); }

Napi::Value TraceContext::GetExtendedState(const Napi::CallbackInfo &info) {
  SaveState();
  return Status(info, rf_trace_get_xsave(context_, info[0].As<Napi::Uint8Array>().Data()));
}

Napi::Value TraceContext::SetExtendedState(const Napi::CallbackInfo &info) {
  SaveState();
  return Status(info, rf_trace_set_xsave(context_, info[0].As<Napi::Uint8Array>().Data()));
}

void InitPtrace(Napi::Env env, Napi::Object exports) {
  auto ptrace = Napi::Object::New(env);
  ptrace.Set("Machine", TraceMachine::Define(env));
  ptrace.Set("Space", TraceSpace::Define(env));
  ptrace.Set("Context", TraceContext::Define(env));
  ptrace.Set("swapUint32", Napi::Function::New(env, Swap, "swapUint32"));
  ptrace.Set("compareAndSwapUint32", Napi::Function::New(env, CompareAndSwap, "compareAndSwapUint32"));
  ptrace.Set("stubPage", Napi::Number::New(env, static_cast<double>(RF_STUB_PAGE)));
  exports.Set("ptrace", ptrace);
}
