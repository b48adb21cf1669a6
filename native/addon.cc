// The addon: KVM, ptrace, the memory file, and the host's files, each defined by its own source.
#include <napi.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <vector>

#include "guest_clock_binding.h"
#include "host_files.h"
#include "interrupts.h"
#include "kvm_machine.h"
#include "memory_file.h"
#include "open_file.h"
#include "ptrace_machine.h"
#include "registers.h"
#include "spare_machine.h"

namespace {

Napi::Object Constants(Napi::Env env) {
  auto constants = Napi::Object::New(env);
  constants.Set("memoryGpa", Napi::Number::New(env, static_cast<double>(RF_GPA_MEMORY)));
  constants.Set("firstMemorySlot", Napi::Number::New(env, RF_FIRST_MEMORY_SLOT));
  constants.Set("slotSize", Napi::Number::New(env, RF_SLOT_CHUNK));
  constants.Set("maxVcpus", Napi::Number::New(env, RF_MAX_VCPUS));
  constants.Set("exitlessOff", Napi::Number::New(env, RF_EXITLESS_OFF));
  constants.Set("exitlessAuto", Napi::Number::New(env, RF_EXITLESS_AUTO));
  constants.Set("exitlessOn", Napi::Number::New(env, RF_EXITLESS_ON));
  constants.Set("pending", Napi::Number::New(env, RF_PENDING));
  constants.Set("registersSize", Napi::Number::New(env, sizeof(rf_registers)));
  constants.Set("extendedStateSize", Napi::Number::New(env, RF_XSAVE_SIZE));
  // A signed displacement of 32 bits reaches them: ring0/abi.h has them as 64.
  constants.Set("doorwayJump", Napi::Number::New(env, static_cast<int32_t>(RF_VA_SYSTEM + RF_DOORWAY_JUMP)));
  constants.Set("doorwayJumpPointer",
                Napi::Number::New(env, static_cast<int32_t>(RF_VA_SYSTEM + RF_DOORWAY_JUMP_POINTER)));
  constants.Set("noMemory", Napi::Number::New(env, RF_ERROR_NO_MEMORY));
  return constants;
}

// kvmCapabilities(device): an object of numbers, or a negative errno.
Napi::Value KvmCapabilities(const Napi::CallbackInfo &info) {
  rf_capability capabilities[16];
  int count = rf_kvm_capabilities(info[0].As<Napi::String>().Utf8Value().c_str(), capabilities, 16);
  if (count < 0)
    return Napi::Number::New(info.Env(), count);
  auto result = Napi::Object::New(info.Env());
  for (int i = 0; i < count; i++)
    result.Set(capabilities[i].name, Napi::Number::New(info.Env(), capabilities[i].value));
  return result;
}

// interruptContext(id): whether there is such a context.
Napi::Value InterruptContext(const Napi::CallbackInfo &info) {
  const int64_t id = info[0].As<Napi::Number>().Int64Value();
  return Napi::Boolean::New(info.Env(), rf_interrupts_call(static_cast<uint64_t>(id)));
}

// fillRandom(out): by getrandom(2).
void FillRandom(const Napi::CallbackInfo &info) {
  auto out = info[0].As<Napi::Uint8Array>();
  uint8_t *data = out.Data();
  for (size_t done = 0; done < out.ByteLength();) {
    ssize_t count = getrandom(data + done, out.ByteLength() - done, 0);
    if (count < 0 && errno != EINTR)
      throw Napi::Error::New(info.Env(), std::string("getrandom: ") + strerror(errno));
    done += count < 0 ? 0 : static_cast<size_t>(count);
  }
}

// supplementaryGroups(): those of this process, by getgroups(2). Node.js's own adds the effective one.
Napi::Value SupplementaryGroups(const Napi::CallbackInfo &info) {
  std::vector<gid_t> groups(NGROUPS_MAX);
  const int count = getgroups(NGROUPS_MAX, groups.data());
  auto result = Napi::Array::New(info.Env());
  for (int i = 0; i < count; i++)
    result.Set(static_cast<uint32_t>(i), Napi::Number::New(info.Env(), groups[static_cast<size_t>(i)]));
  return result;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("constants", Constants(env));
  exports.Set("MemoryFile", MemoryFile::Define(env));
  exports.Set("OpenFile", OpenFile::Define(env));
  exports.Set("Machine", Machine::Define(env));
  exports.Set("SpareMachine", SpareMachine::Define(env));
  exports.Set("Space", Space::Define(env));
  exports.Set("Context", Context::Define(env));
  exports.Set("kvmCapabilities", Napi::Function::New(env, KvmCapabilities, "kvmCapabilities"));
  exports.Set("interruptContext", Napi::Function::New(env, InterruptContext, "interruptContext"));
  exports.Set("fillRandom", Napi::Function::New(env, FillRandom, "fillRandom"));
  exports.Set("supplementaryGroups", Napi::Function::New(env, SupplementaryGroups, "supplementaryGroups"));
  InitGuestClock(env, exports);
  InitPtrace(env, exports);
  InitHostFiles(env, exports);
  return exports;
}

} // namespace

NODE_API_MODULE(ringfence, Init)
