#include "spare_machine.h"

#include <signal.h>

#include <system_error>
#include <utility>

Napi::Function SpareMachine::Define(Napi::Env env) {
  return DefineClass(env, "SpareMachine",
                     {
                         InstanceMethod<&SpareMachine::Prepare>("prepare"),
                         InstanceMethod<&SpareMachine::Dispose>("dispose"),
                     });
}

SpareMachine::SpareMachine(const Napi::CallbackInfo &info) : ObjectWrap(info) {
  napi_add_env_cleanup_hook(info.Env(), OnCleanup, this);
}

SpareMachine::~SpareMachine() {
  Close();
  if (!cleaned_)
    napi_remove_env_cleanup_hook(Env(), OnCleanup, this);
}

void SpareMachine::OnCleanup(void *self) {
  auto *spare = static_cast<SpareMachine *>(self);
  spare->cleaned_ = true;
  spare->Close();
}

void SpareMachine::Prepare(const Napi::CallbackInfo &info) {
  const std::string device = info[0].As<Napi::String>();
  if (device != device_)
    Close();
  if (thread_.joinable() || machine_)
    return;
  device_ = device;
  sigset_t all, old;
  sigfillset(&all);
  sigdelset(&all, rf_kick_signal());
  pthread_sigmask(SIG_SETMASK, &all, &old);
  try {
    thread_ = std::thread([this] {
      const char *stage;
      if (rf_machine_open(&machine_, device_.c_str(), &stage) < 0)
        machine_ = nullptr;
    });
  } catch (const std::system_error &) {
    // The host gives no more threads: there is no spare then.
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

rf_machine *SpareMachine::Take(const std::string &device) {
  Join();
  return device == device_ ? std::exchange(machine_, nullptr) : nullptr;
}

void SpareMachine::Join() {
  if (thread_.joinable())
    thread_.join();
}

void SpareMachine::Close() {
  Join();
  if (machine_)
    rf_machine_close(machine_);
  machine_ = nullptr;
}
