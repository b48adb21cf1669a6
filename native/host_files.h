// Access to the host's files beneath a directory, and to host descriptors, for the kernel in TypeScript.
//
// Every function gives a result or a negative errno and throws nothing. A path is relative to a directory
// descriptor, has no empty, "." or ".." component, and is a string of characters below 256, one for a byte.
// No symbolic link in it is ever followed by the host; a last component that is a symbolic link is the link
// itself.
#pragma once

#include <napi.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

void InitHostFiles(Napi::Env env, Napi::Object exports);

// The parts of it, one a source file.
void InitHostPaths(Napi::Env env, Napi::Object exports);       // host_files.cc
void InitHostChanges(Napi::Env env, Napi::Object exports);     // host_changes.cc
void InitHostXattrs(Napi::Env env, Napi::Object exports);      // host_xattrs.cc
void InitHostDescriptors(Napi::Env env, Napi::Object exports); // host_descriptors.cc
void InitHostWatch(Napi::Env env, Napi::Object exports);       // host_watch.cc

namespace host_files {

// Longest path and its NUL, as PATH_MAX.
constexpr size_t kPathSize = 4096;

// A descriptor of ours, closed when it goes out of scope.
class Descriptor {
public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  // Negative errno where the open failed.
  int get() const { return fd_; }
  bool failed() const { return fd_ < 0; }
  int Release();

private:
  int fd_;
};

// A path argument in bytes.
class Path {
public:
  explicit Path(const Napi::Value &value);
  // 0, or the negative errno of an argument that is no path.
  int error() const { return error_; }
  const char *bytes() const { return bytes_; }
  // It stands for the root itself.
  bool empty() const { return length_ == 0; }
  // Cuts off the last component and gives it; what is left is the parent, "" for the root itself.
  const char *SplitLast();

private:
  char bytes_[kPathSize];
  size_t length_ = 0;
  int error_ = 0;
};

// "/proc/self/fd/N": the object an O_PATH descriptor stands for, for calls that take only a path.
struct MagicLink {
  explicit MagicLink(int fd);
  char path[32];
};

struct Bytes {
  uint8_t *data;
  size_t length;
};

Bytes BytesArgument(const Napi::Value &value);
inline int IntArgument(const Napi::Value &value) { return value.As<Napi::Number>().Int32Value(); }
inline int64_t LongArgument(const Napi::Value &value) { return value.As<Napi::Number>().Int64Value(); }
inline Napi::Value Result(const Napi::CallbackInfo &info, int64_t value) {
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}
// The result of a system call, or the errno it left.
inline int64_t OrErrno(int64_t result) { return result < 0 ? -errno : result; }

// An O_PATH descriptor of `path` beneath `root`, or a negative errno.
int OpenPath(int root, const char *path);

// Opens again, for I/O, what an O_PATH descriptor stands for.
int Reopen(int path_fd, int flags);

} // namespace host_files
