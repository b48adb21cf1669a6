#include "guest_clock_binding.h"

namespace {

// Taken as the addon is loaded, so that the counter's rate is known when the first guest starts.
rf_clock_sample LoadTime() {
  rf_clock_sample sample;
  rf_clock_read(&sample);
  return sample;
}
const rf_clock_sample loaded = LoadTime();

// vdsoImage(): a copy of the shared object.
Napi::Value VdsoImage(const Napi::CallbackInfo &info) {
  return Napi::Buffer<uint8_t>::Copy(info.Env(), rf_vdso_image,
                                     static_cast<size_t>(rf_vdso_image_end - rf_vdso_image));
}

} // namespace

Napi::Function GuestClock::Define(Napi::Env env) {
  return DefineClass(env, "GuestClock", {InstanceMethod<&GuestClock::Refresh>("refresh")});
}

GuestClock::GuestClock(const Napi::CallbackInfo &info) : ObjectWrap(info) {
  auto page = info[0].As<Napi::Uint8Array>();
  page_ = Napi::Reference<Napi::Uint8Array>::New(page, 1);
  rf_guest_clock_start(&clock_, reinterpret_cast<rf_clock_page *>(page.Data()), &loaded);
}

void GuestClock::Refresh(const Napi::CallbackInfo &) {
  // The memory may have been destroyed meanwhile, and its views detached.
  if (page_.Value().ByteLength() >= sizeof(rf_clock_page))
    rf_guest_clock_refresh(&clock_);
}

void InitGuestClock(Napi::Env env, Napi::Object exports) {
  exports.Set("GuestClock", GuestClock::Define(env));
  exports.Set("vdsoImage", Napi::Function::New(env, VdsoImage, "vdsoImage"));
}
