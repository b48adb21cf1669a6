// Readiness of host descriptors. They are put into an epoll set of our own, and the event loop watches that
// set: watching a descriptor itself would have libuv make its shared open file description non-blocking.
#include "host_files.h"

#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include <unordered_set>

namespace host_files {
namespace {

constexpr int kBatch = 16;

// One an environment. Freed by its cleanup hook, after the event loop let go of the handle.
class Watch {
public:
  static Watch *Create(napi_env env) {
    auto *watch = new Watch(env);
    napi_add_async_cleanup_hook(env, OnCleanup, watch, &watch->cleanup_);
    return watch;
  }

  // `events` once; arming again replaces them. EPERM for what is always ready (regular files).
  int Start(int fd, uint32_t events) {
    int error = Open();
    if (error)
      return error;
    struct epoll_event event = {};
    event.events = events | EPOLLONESHOT;
    event.data.fd = fd;
    if (epoll_ctl(set_, EPOLL_CTL_MOD, fd, &event) < 0) {
      if (errno != ENOENT || epoll_ctl(set_, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    }
    armed_.insert(fd);
    UpdateReference();
    return 0;
  }

  int Stop(int fd) {
    int result = set_ < 0 ? 0 : epoll_ctl(set_, EPOLL_CTL_DEL, fd, nullptr);
    armed_.erase(fd);
    if (set_ >= 0)
      UpdateReference();
    return result < 0 ? -errno : 0;
  }

  void SetListener(const Napi::Function &listener) { listener_ = Napi::Persistent(listener); }

private:
  explicit Watch(napi_env env) : env_(env) {}

  int Open() {
    if (set_ >= 0)
      return 0;
    uv_loop_t *loop = nullptr;
    if (napi_get_uv_event_loop(env_, &loop) != napi_ok)
      return -EIO;
    int set = epoll_create1(EPOLL_CLOEXEC);
    if (set < 0)
      return -errno;
    int error = uv_poll_init(loop, &handle_, set);
    if (error) {
      close(set);
      return error;
    }
    set_ = set;
    handle_.data = this;
    uv_poll_start(&handle_, UV_READABLE, OnReadable);
    uv_unref(reinterpret_cast<uv_handle_t *>(&handle_));
    return 0;
  }

  // Only a wait under way keeps the process alive.
  void UpdateReference() {
    auto *handle = reinterpret_cast<uv_handle_t *>(&handle_);
    if (armed_.empty())
      uv_unref(handle);
    else
      uv_ref(handle);
  }

  static void OnReadable(uv_poll_t *handle, int, int) { static_cast<Watch *>(handle->data)->Deliver(); }

  void Deliver() {
    struct epoll_event events[kBatch];
    int count = epoll_wait(set_, events, kBatch, 0);
    Napi::Env env(env_);
    Napi::HandleScope scope(env);
    for (int i = 0; i < count; i++) {
      armed_.erase(events[i].data.fd);
      UpdateReference();
      Notify(env, events[i].data.fd, events[i].events);
    }
  }

  void Notify(Napi::Env env, int fd, uint32_t events) {
    if (listener_.IsEmpty())
      return;
    napi_value arguments[2] = {Napi::Number::New(env, fd), Napi::Number::New(env, events)};
    napi_value global = env.Global();
    napi_make_callback(env, nullptr, global, listener_.Value(), 2, arguments, nullptr);
    if (env.IsExceptionPending()) {
      napi_value error;
      napi_get_and_clear_last_exception(env, &error);
      napi_fatal_exception(env, error);
    }
  }

  static void OnCleanup(napi_async_cleanup_hook_handle, void *data) {
    auto *watch = static_cast<Watch *>(data);
    if (watch->set_ < 0) {
      watch->Finish();
      return;
    }
    uv_close(reinterpret_cast<uv_handle_t *>(&watch->handle_), [](uv_handle_t *handle) {
      auto *closed = static_cast<Watch *>(handle->data);
      close(closed->set_);
      closed->Finish();
    });
  }

  void Finish() {
    // The environment is going away and takes its references along; resetting one now would be too late.
    listener_.SuppressDestruct();
    napi_async_cleanup_hook_handle cleanup = cleanup_;
    delete this;
    napi_remove_async_cleanup_hook(cleanup);
  }

  napi_env env_;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  uv_poll_t handle_ = {};
  int set_ = -1;
  std::unordered_set<int> armed_;
  Napi::FunctionReference listener_;
};

Watch *StateOf(const Napi::CallbackInfo &info) { return static_cast<Watch *>(info.Data()); }

// (fd, events)
Napi::Value WatchStart(const Napi::CallbackInfo &info) {
  return Result(info, StateOf(info)->Start(IntArgument(info[0]), info[1].As<Napi::Number>().Uint32Value()));
}

// (fd)
Napi::Value WatchStop(const Napi::CallbackInfo &info) {
  return Result(info, StateOf(info)->Stop(IntArgument(info[0])));
}

// (listener): called with a descriptor and its events, once for each start
Napi::Value WatchListener(const Napi::CallbackInfo &info) {
  StateOf(info)->SetListener(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

} // namespace
} // namespace host_files

void InitHostWatch(Napi::Env env, Napi::Object exports) {
  using namespace host_files;
  Watch *watch = Watch::Create(env);
  exports["watchStart"] = Napi::Function::New(env, WatchStart, "watchStart", watch);
  exports["watchStop"] = Napi::Function::New(env, WatchStop, "watchStop", watch);
  exports["watchListener"] = Napi::Function::New(env, WatchListener, "watchListener", watch);
}
