// A machine opened ahead, by a thread of its own, for the next one that is wanted.
#pragma once

#include <napi.h>

#include <string>
#include <thread>

#include "kvm.h"

class SpareMachine : public Napi::ObjectWrap<SpareMachine> {
public:
  static Napi::Function Define(Napi::Env env);
  explicit SpareMachine(const Napi::CallbackInfo &info);
  ~SpareMachine() override;

  // Gives away what has been opened, or is just being opened, of the device; NULL where there is nothing.
  rf_machine *Take(const std::string &device);

private:
  // prepare(device): opens one unless there is one; failures are for whoever opens the next.
  void Prepare(const Napi::CallbackInfo &info);
  void Dispose(const Napi::CallbackInfo &) { Close(); }

  static void OnCleanup(void *self);
  void Join();
  void Close();

  std::string device_;
  std::thread thread_;
  rf_machine *machine_ = nullptr; // the thread's, while it runs
  bool cleaned_ = false;          // the environment has ended
};
