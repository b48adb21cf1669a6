#include "kvm_machine.h"

#include "interrupts.h"

Napi::Function Context::Define(Napi::Env env) {
  return DefineClass(env, "Context",
                     {
                         InstanceMethod<&Context::Interrupt>("interrupt"),
                         InstanceMethod<&Context::Publish>("publish"),
                         InstanceAccessor<&Context::Id>("id"),
                         InstanceAccessor<&Context::Cpu>("cpu"),
                         InstanceMethod<&Context::GetExtendedState>("getExtendedState"),
                         InstanceMethod<&Context::SetExtendedState>("setExtendedState"),
                         InstanceMethod<&Context::Dispose>("dispose"),
                     });
}

Context::Context(const Napi::CallbackInfo &info) : ObjectWrap(info), context_(rf_context_new()) {
  if (!context_)
    throw Napi::Error::New(info.Env(), "no memory left for a context");
  rf_interrupts_add(rf_context_id(context_), context_,
                    [](void *context) { rf_context_interrupt(static_cast<rf_context *>(context)); });
}

void Context::Free() {
  if (context_) {
    rf_interrupts_remove(rf_context_id(context_));
    rf_context_delete(context_);
  }
  context_ = nullptr;
}

void Context::Interrupt(const Napi::CallbackInfo &) { rf_context_interrupt(context_); }

Napi::Value Context::Publish(const Napi::CallbackInfo &info) {
  auto number = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  int64_t answer = info[1].IsNumber() ? info[1].As<Napi::Number>().Int64Value() : RF_NO_ANSWER;
  return Napi::Boolean::New(info.Env(), rf_context_publish(context_, number, answer));
}

Napi::Value Context::Id(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), static_cast<double>(rf_context_id(context_)));
}

Napi::Value Context::Cpu(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), rf_context_cpu(context_));
}

Napi::Value Context::GetExtendedState(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), rf_context_get_xsave(context_, info[0].As<Napi::Uint8Array>().Data()));
}

Napi::Value Context::SetExtendedState(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), rf_context_set_xsave(context_, info[0].As<Napi::Uint8Array>().Data()));
}
