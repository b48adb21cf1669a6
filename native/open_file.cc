#include "open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

Napi::Function OpenFile::Define(Napi::Env env) {
  return DefineClass(env, "OpenFile",
                     {
                         InstanceAccessor<&OpenFile::Descriptor>("fd"),
                         InstanceMethod<&OpenFile::Size>("size"),
                         InstanceMethod<&OpenFile::Close>("close"),
                     });
}

OpenFile::OpenFile(const Napi::CallbackInfo &info)
    : ObjectWrap(info), fd_(fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 3)) {
  if (fd_ < 0) {
    auto error = Napi::Error::New(info.Env(), strerror(errno));
    error.Set("errno", Napi::Number::New(info.Env(), errno));
    throw error;
  }
}

Napi::Value OpenFile::Descriptor(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), fd_);
}

Napi::Value OpenFile::Size(const Napi::CallbackInfo &info) {
  struct stat status = {};
  if (fstat(fd_, &status) < 0)
    return Napi::Number::New(info.Env(), -errno);
  return Napi::Number::New(info.Env(), static_cast<double>(status.st_size));
}

void OpenFile::CloseDescriptor() {
  if (fd_ >= 0)
    close(fd_);
  fd_ = -1;
}
