// Looking at host files: open, stat, readlink, directories. Nothing here changes the host.
#include "host_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <optional>

namespace host_files {

Descriptor::~Descriptor() {
  if (fd_ >= 0)
    close(fd_);
}

int Descriptor::Release() {
  int fd = fd_;
  fd_ = -1;
  return fd;
}

Path::Path(const Napi::Value &value) {
  napi_get_value_string_latin1(value.Env(), value, bytes_, sizeof bytes_, &length_);
  bytes_[length_] = '\0';
  if (length_ == sizeof bytes_ - 1)
    error_ = -ENAMETOOLONG;
  else if (memchr(bytes_, '\0', length_) != nullptr)
    error_ = -EINVAL;
}

const char *Path::SplitLast() {
  char *slash = strrchr(bytes_, '/');
  if (slash != nullptr) {
    *slash = '\0';
    return slash + 1;
  }
  // No parent named: move the name behind an empty one.
  if (length_ + 2 > sizeof bytes_)
    return "";
  memmove(bytes_ + 1, bytes_, length_ + 1);
  bytes_[0] = '\0';
  return bytes_ + 1;
}

MagicLink::MagicLink(int fd) { snprintf(path, sizeof path, "/proc/self/fd/%d", fd); }

Bytes BytesArgument(const Napi::Value &value) {
  Bytes bytes{nullptr, 0};
  void *data = nullptr;
  napi_get_typedarray_info(value.Env(), value, nullptr, &bytes.length, &data, nullptr, nullptr);
  bytes.data = static_cast<uint8_t *>(data);
  return bytes;
}

namespace {

// What openat2(2) is asked to refuse. Crossing a mount is allowed: the host's tree is many mounts.
constexpr uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
// RESOLVE_BENEATH gives EAGAIN where a rename elsewhere raced with it.
constexpr int kRaceRetries = 64;

std::atomic<bool> has_openat2{true};

// The same without openat2: a component at a time, each refused where it is a symbolic link.
int WalkPath(int root, const char *path) {
  Descriptor current(openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (current.failed())
    return -errno;
  int fd = current.Release();
  char component[kPathSize];
  while (*path != '\0') {
    Descriptor parent(fd);
    size_t length = strcspn(path, "/");
    bool last = path[length] == '\0';
    memcpy(component, path, length);
    component[length] = '\0';
    if (length == 0 || strcmp(component, ".") == 0 || strcmp(component, "..") == 0)
      return -EXDEV;
    fd = openat(parent.get(), component, O_PATH | O_NOFOLLOW | O_CLOEXEC | (last ? 0 : O_DIRECTORY));
    if (fd < 0)
      return -errno;
    path += last ? length : length + 1;
  }
  return fd;
}

} // namespace

namespace {

// openat2(2) beneath `root`: a descriptor or -errno; nothing where the host does not let us have the call.
std::optional<int> OpenResolved(int root, const char *path, uint64_t flags) {
  if (!has_openat2.load(std::memory_order_relaxed))
    return std::nullopt;
  struct open_how how = {};
  how.flags = flags | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = kResolve;
  for (int attempt = 0; attempt < kRaceRetries; attempt++) {
    long fd = syscall(SYS_openat2, root, *path == '\0' ? "." : path, &how, sizeof how);
    if (fd >= 0)
      return static_cast<int>(fd);
    if (errno != EAGAIN)
      break;
  }
  // EPERM is what a seccomp filter that does not know the call answers.
  if (errno != ENOSYS && errno != EPERM)
    return -errno;
  if (errno == ENOSYS)
    has_openat2.store(false, std::memory_order_relaxed);
  return std::nullopt;
}

} // namespace

int OpenPath(int root, const char *path) {
  // The root itself may be a file.
  if (*path == '\0')
    return static_cast<int>(OrErrno(open(MagicLink(root).path, O_PATH | O_CLOEXEC)));
  // O_PATH|O_NOFOLLOW gives the link itself where the last component is one, RESOLVE_NO_SYMLINKS or not.
  std::optional<int> fd = OpenResolved(root, path, O_PATH);
  return fd ? *fd : WalkPath(root, path);
}

static int OpenDirectory(int root, const char *path) {
  std::optional<int> fd = OpenResolved(root, path, O_RDONLY | O_DIRECTORY);
  if (fd)
    return *fd;
  Descriptor found(WalkPath(root, path));
  return found.failed() ? found.get() : Reopen(found.get(), O_RDONLY | O_DIRECTORY);
}

int Reopen(int path_fd, int flags) {
  int fd = open(MagicLink(path_fd).path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

namespace {

constexpr unsigned kStatMask = STATX_BASIC_STATS | STATX_BTIME;

// Fills `out`, 256 bytes, with struct statx.
int StatDescriptor(int fd, const Bytes &out) {
  if (out.length < sizeof(struct statx))
    return -EINVAL;
  auto *record = reinterpret_cast<struct statx *>(out.data);
  return statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_SYNC_AS_STAT, kStatMask, record) < 0
             ? -errno
             : 0;
}

// (path, directoryOnly): a descriptor of what the user of the sandbox named. Links in it are followed.
Napi::Value OpenRoot(const Napi::CallbackInfo &info) {
  Path path(info[0]);
  if (path.error())
    return Result(info, path.error());
  return Result(info,
                OrErrno(open(path.bytes(), O_PATH | O_CLOEXEC | (IntArgument(info[1]) ? O_DIRECTORY : 0))));
}

// (root, path, flags, stat): opens a regular file or a directory, and only that: what it is gets known from
// an O_PATH descriptor before any open that could wait or wake a device. ENXIO for others, ELOOP for a link.
Napi::Value OpenBeneath(const Napi::CallbackInfo &info) {
  Path path(info[1]);
  if (path.error())
    return Result(info, path.error());
  Descriptor found(OpenPath(IntArgument(info[0]), path.bytes()));
  if (found.failed())
    return Result(info, found.get());
  Bytes out = BytesArgument(info[3]);
  int error = StatDescriptor(found.get(), out);
  if (error)
    return Result(info, error);
  auto mode = reinterpret_cast<struct statx *>(out.data)->stx_mode;
  if (S_ISLNK(mode))
    return Result(info, -ELOOP);
  if (!S_ISREG(mode) && !S_ISDIR(mode))
    return Result(info, -ENXIO);
  return Result(info, Reopen(found.get(), IntArgument(info[2])));
}

// (root, path): opens a directory for getdents, and nothing else.
Napi::Value OpenDirectoryBeneath(const Napi::CallbackInfo &info) {
  Path path(info[1]);
  return Result(info, path.error() ? path.error() : OpenDirectory(IntArgument(info[0]), path.bytes()));
}

// (root, path, stat)
Napi::Value StatBeneath(const Napi::CallbackInfo &info) {
  Path path(info[1]);
  if (path.error())
    return Result(info, path.error());
  Descriptor found(OpenPath(IntArgument(info[0]), path.bytes()));
  return Result(info, found.failed() ? found.get() : StatDescriptor(found.get(), BytesArgument(info[2])));
}

// (fd, stat)
Napi::Value StatFd(const Napi::CallbackInfo &info) {
  return Result(info, StatDescriptor(IntArgument(info[0]), BytesArgument(info[1])));
}

// (root, path, out): the target's length
Napi::Value ReadlinkBeneath(const Napi::CallbackInfo &info) {
  Path path(info[1]);
  if (path.error())
    return Result(info, path.error());
  Descriptor found(OpenPath(IntArgument(info[0]), path.bytes()));
  if (found.failed())
    return Result(info, found.get());
  Bytes out = BytesArgument(info[2]);
  return Result(info, OrErrno(readlinkat(found.get(), "", reinterpret_cast<char *>(out.data), out.length)));
}

// (fd, out): records of struct linux_dirent64, 0 at the end
Napi::Value Getdents(const Napi::CallbackInfo &info) {
  Bytes out = BytesArgument(info[1]);
  return Result(info, OrErrno(syscall(SYS_getdents64, IntArgument(info[0]), out.data, out.length)));
}

// (root, path, out): struct statfs, 120 bytes
Napi::Value StatfsBeneath(const Napi::CallbackInfo &info) {
  Path path(info[1]);
  if (path.error())
    return Result(info, path.error());
  Descriptor found(OpenPath(IntArgument(info[0]), path.bytes()));
  if (found.failed())
    return Result(info, found.get());
  Bytes out = BytesArgument(info[2]);
  if (out.length < sizeof(struct statfs))
    return Result(info, -EINVAL);
  return Result(info, OrErrno(fstatfs(found.get(), reinterpret_cast<struct statfs *>(out.data))));
}

} // namespace
} // namespace host_files

void InitHostPaths(Napi::Env env, Napi::Object exports) {
  using namespace host_files;
  exports["openRoot"] = Napi::Function::New(env, OpenRoot);
  exports["openBeneath"] = Napi::Function::New(env, OpenBeneath);
  exports["openDirectoryBeneath"] = Napi::Function::New(env, OpenDirectoryBeneath);
  exports["statBeneath"] = Napi::Function::New(env, StatBeneath);
  exports["statFd"] = Napi::Function::New(env, StatFd);
  exports["readlinkBeneath"] = Napi::Function::New(env, ReadlinkBeneath);
  exports["getdents"] = Napi::Function::New(env, Getdents);
  exports["statfsBeneath"] = Napi::Function::New(env, StatfsBeneath);
}

void InitHostFiles(Napi::Env env, Napi::Object exports) {
  InitHostPaths(env, exports);
  InitHostChanges(env, exports);
  InitHostXattrs(env, exports);
  InitHostDescriptors(env, exports);
  InitHostWatch(env, exports);
}
