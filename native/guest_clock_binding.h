// The vDSO and its clock as JavaScript sees them.
#pragma once

#include <napi.h>

#include "guest_clock.h"

// new GuestClock(page): keeps the page, an ArrayBuffer on guest memory, in step with the host from now on.
class GuestClock : public Napi::ObjectWrap<GuestClock> {
public:
  static Napi::Function Define(Napi::Env env);
  explicit GuestClock(const Napi::CallbackInfo &info);

private:
  void Refresh(const Napi::CallbackInfo &info);

  rf_guest_clock clock_ = {};
  Napi::Reference<Napi::Uint8Array> page_;
};

// Adds GuestClock and vdsoImage to the addon.
void InitGuestClock(Napi::Env env, Napi::Object exports);
