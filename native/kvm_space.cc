#include <cerrno>

#include "kvm_machine.h"

namespace {

uint64_t AddressArgument(const Napi::Value &value) {
  return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}

Napi::Value Result(const Napi::CallbackInfo &info, int64_t result) {
  return Napi::Number::New(info.Env(), static_cast<double>(result));
}

Napi::Value Count(const Napi::CallbackInfo &info, uint64_t count) {
  return Result(info, static_cast<int64_t>(count));
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
                         InstanceMethod<&Space::AddCallSite>("addCallSite"),
                         InstanceMethod<&Space::CopyCallSites>("copyCallSites"),
                         InstanceMethod<&Space::TablePages>("tablePages"),
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

Napi::Value Space::Swap(const Napi::CallbackInfo &info) {
  uint32_t value = info[1].As<Napi::Number>().Uint32Value();
  return Result(info, rf_space_exchange(space_, AddressArgument(info[0]), nullptr, value));
}

Napi::Value Space::CompareAndSwap(const Napi::CallbackInfo &info) {
  uint32_t expected = info[1].As<Napi::Number>().Uint32Value();
  uint32_t value = info[2].As<Napi::Number>().Uint32Value();
  return Result(info, rf_space_exchange(space_, AddressArgument(info[0]), &expected, value));
}

Napi::Value Space::AddCallSite(const Napi::CallbackInfo &info) {
  return Result(info, rf_space_add_call_site(space_, AddressArgument(info[0]),
                                             info[1].As<Napi::Number>().Uint32Value()));
}

Napi::Value Space::CopyCallSites(const Napi::CallbackInfo &info) {
  return Result(info, rf_space_copy_call_sites(space_, Unwrap(info[0].As<Napi::Object>())->space()));
}

Napi::Value Space::TablePages(const Napi::CallbackInfo &info) {
  return Result(info, rf_space_table_pages(space_));
}
