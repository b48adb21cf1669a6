// Extended attributes of host files beneath a directory, xattr(7). Which names a guest may change is for the
// kernel in TypeScript to say.
#include "host_files.h"

#include <sys/xattr.h>

namespace host_files {
namespace {

// The object of two arguments: a path beneath a root, or, without a path, what a descriptor is open on.
class Subject {
public:
  Subject(const Napi::Value &root, const Napi::Value &path)
      : found_(path.IsString() ? Find(IntArgument(root), path) : -1),
        error_(path.IsString() && found_.failed() ? found_.get() : 0),
        link_(path.IsString() ? found_.get() : IntArgument(root)) {}

  int error() const { return error_; }
  const char *path() const { return link_.path; }

private:
  static int Find(int root, const Napi::Value &value) {
    Path path(value);
    return path.error() ? path.error() : OpenPath(root, path.bytes());
  }

  Descriptor found_;
  int error_;
  MagicLink link_;
};

// (root, path, name, out): length of the value. With an empty `out`, the length it has.
Napi::Value Getxattr(const Napi::CallbackInfo &info) {
  Subject subject(info[0], info[1]);
  Path name(info[2]);
  if (subject.error() || name.error())
    return Result(info, subject.error() ? subject.error() : name.error());
  Bytes out = BytesArgument(info[3]);
  return Result(info, OrErrno(getxattr(subject.path(), name.bytes(), out.data, out.length)));
}

// (root, path, out): NUL-terminated names
Napi::Value Listxattr(const Napi::CallbackInfo &info) {
  Subject subject(info[0], info[1]);
  if (subject.error())
    return Result(info, subject.error());
  Bytes out = BytesArgument(info[2]);
  return Result(info, OrErrno(listxattr(subject.path(), reinterpret_cast<char *>(out.data), out.length)));
}

// (root, path, name, value, flags)
Napi::Value Setxattr(const Napi::CallbackInfo &info) {
  Subject subject(info[0], info[1]);
  Path name(info[2]);
  if (subject.error() || name.error())
    return Result(info, subject.error() ? subject.error() : name.error());
  Bytes value = BytesArgument(info[3]);
  int flags = IntArgument(info[4]);
  return Result(info, OrErrno(setxattr(subject.path(), name.bytes(), value.data, value.length, flags)));
}

// (root, path, name)
Napi::Value Removexattr(const Napi::CallbackInfo &info) {
  Subject subject(info[0], info[1]);
  Path name(info[2]);
  if (subject.error() || name.error())
    return Result(info, subject.error() ? subject.error() : name.error());
  return Result(info, OrErrno(removexattr(subject.path(), name.bytes())));
}

} // namespace
} // namespace host_files

void InitHostXattrs(Napi::Env env, Napi::Object exports) {
  using namespace host_files;
  exports["getxattr"] = Napi::Function::New(env, Getxattr);
  exports["listxattr"] = Napi::Function::New(env, Listxattr);
  exports["setxattr"] = Napi::Function::New(env, Setxattr);
  exports["removexattr"] = Napi::Function::New(env, Removexattr);
}
