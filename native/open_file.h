// A descriptor of ours of a host file, which ends with the JavaScript object or its environment.
#pragma once

#include <napi.h>

// new OpenFile(fd): duplicates the descriptor. Throws an Error with `errno`.
class OpenFile : public Napi::ObjectWrap<OpenFile> {
public:
  static Napi::Function Define(Napi::Env env);
  explicit OpenFile(const Napi::CallbackInfo &info);
  ~OpenFile() override { CloseDescriptor(); }

private:
  Napi::Value Descriptor(const Napi::CallbackInfo &info);
  // size(): bytes of the file now, or a negative errno.
  Napi::Value Size(const Napi::CallbackInfo &info);
  void Close(const Napi::CallbackInfo &) { CloseDescriptor(); }

  void CloseDescriptor();

  int fd_;
};
