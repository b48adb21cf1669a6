#include <cerrno>

#include "kvm_machine.h"

namespace {

uint64_t AddressArgument(const Napi::Value &value) {
  return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}

Napi::Value Count(const Napi::CallbackInfo &info, uint64_t count) {
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

} // namespace

Napi::Function Space::Define(Napi::Env env) {
  return DefineClass(env, "Space",
                     {
                         InstanceMethod<&Space::Map>("map"),
                         InstanceMethod<&Space::Unmap>("unmap"),
                         InstanceMethod<&Space::CopyIn>("copyIn"),
                         InstanceMethod<&Space::CopyOut>("copyOut"),
                         InstanceMethod<&Space::ZeroOut>("zeroOut"),
                         InstanceMethod<&Space::Swap>("swap"),
                         InstanceMethod<&Space::CompareAndSwap>("compareAndSwap"),
                         InstanceMethod<&Space::Release>("release"),
                     });
}

Space::Space(const Napi::CallbackInfo &info)
    : ObjectWrap(info), state_(Machine::Unwrap(info[0].As<Napi::Object>())->state()) {
  space_ = state_->machine ? rf_space_new(state_->machine) : nullptr;
  if (!space_)
    throw Napi::Error::New(info.Env(), "no memory left for page tables");
}

void Space::ReleaseTables() {
  if (!state_)
    return;
  // The tables of a closed machine are gone already.
  if (space_)
    rf_space_delete(state_->machine ? space_ : rf_space_forget(space_));
  space_ = nullptr;
  state_.reset();
}

Napi::Value Space::Map(const Napi::CallbackInfo &info) {
  int status = rf_space_map(space_, AddressArgument(info[0]), AddressArgument(info[1]),
                            AddressArgument(info[2]), info[3].As<Napi::Number>().Uint32Value());
  return Napi::Number::New(info.Env(), status);
}

Napi::Value Space::Unmap(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(),
                           rf_space_unmap(space_, AddressArgument(info[0]), AddressArgument(info[1])));
}

Napi::Value Space::CopyIn(const Napi::CallbackInfo &info) {
  auto dst = info[1].As<Napi::Uint8Array>();
  return Count(info, rf_space_read(space_, AddressArgument(info[0]), dst.Data(), dst.ByteLength()));
}

Napi::Value Space::CopyOut(const Napi::CallbackInfo &info) {
  auto src = info[1].As<Napi::Uint8Array>();
  return Count(info, rf_space_write(space_, AddressArgument(info[0]), src.Data(), src.ByteLength()));
}

Napi::Value Space::ZeroOut(const Napi::CallbackInfo &info) {
  return Count(info, rf_space_zero(space_, AddressArgument(info[0]), AddressArgument(info[1])));
}

uint32_t *Space::Word(uint64_t address) {
  uint64_t run;
  return reinterpret_cast<uint32_t *>(
      rf_space_translate(space_, address, RF_ACCESS_READ | RF_ACCESS_WRITE, &run));
}

Napi::Value Space::Swap(const Napi::CallbackInfo &info) {
  uint32_t *word = Word(AddressArgument(info[0]));
  if (!word)
    return Napi::Number::New(info.Env(), -1);
  return Count(info, __atomic_exchange_n(word, info[1].As<Napi::Number>().Uint32Value(), __ATOMIC_SEQ_CST));
}

Napi::Value Space::CompareAndSwap(const Napi::CallbackInfo &info) {
  uint32_t *word = Word(AddressArgument(info[0]));
  if (!word)
    return Napi::Number::New(info.Env(), -1);
  uint32_t expected = info[1].As<Napi::Number>().Uint32Value();
  __atomic_compare_exchange_n(word, &expected, info[2].As<Napi::Number>().Uint32Value(), false,
                              __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return Count(info, expected);
}
