// Changing host files beneath a directory that the user of the sandbox bound read-write.
#include "host_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace host_files {
namespace {

// A name in a directory beneath a root: the directory is held open, so the name cannot lead elsewhere.
class Entry {
public:
  Entry(const Napi::Value &root, const Napi::Value &path)
      : path_(path), name_(path_.error() ? "" : path_.SplitLast()),
        parent_(path_.error() ? path_.error() : OpenPath(IntArgument(root), path_.bytes())) {}

  int error() const {
    if (parent_.failed())
      return parent_.get();
    bool is_name = *name_ != '\0' && strcmp(name_, ".") != 0 && strcmp(name_, "..") != 0;
    return is_name ? 0 : -EINVAL;
  }
  int parent() const { return parent_.get(); }
  const char *name() const { return name_; }

private:
  Path path_;
  const char *name_;
  Descriptor parent_;
};

// (root, path, mode): a new regular file, open for reading and writing. The host's umask does not count.
Napi::Value CreateBeneath(const Napi::CallbackInfo &info) {
  Entry entry(info[0], info[1]);
  if (entry.error())
    return Result(info, entry.error());
  Descriptor file(
      openat(entry.parent(), entry.name(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.failed())
    return Result(info, -errno);
  fchmod(file.get(), static_cast<mode_t>(IntArgument(info[2])) & 07777);
  return Result(info, file.Release());
}

// (root, path, mode): a regular file without a name, in the file system of that directory
Napi::Value CreateNameless(const Napi::CallbackInfo &info) {
  Path path(info[1]);
  if (path.error())
    return Result(info, path.error());
  Descriptor directory(OpenPath(IntArgument(info[0]), path.bytes()));
  if (directory.failed())
    return Result(info, directory.get());
  Descriptor file(openat(directory.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.failed())
    return Result(info, -errno);
  fchmod(file.get(), static_cast<mode_t>(IntArgument(info[2])) & 07777);
  return Result(info, file.Release());
}

// (fd, root, path): gives the file that is open a name
Napi::Value LinkFd(const Napi::CallbackInfo &info) {
  Entry entry(info[1], info[2]);
  if (entry.error())
    return Result(info, entry.error());
  MagicLink file(IntArgument(info[0]));
  return Result(info, OrErrno(linkat(AT_FDCWD, file.path, entry.parent(), entry.name(), AT_SYMLINK_FOLLOW)));
}

// (root, path, mode): a FIFO or the name of a socket. Device nodes would reach beyond the files that were
// bound.
Napi::Value MknodBeneath(const Napi::CallbackInfo &info) {
  Entry entry(info[0], info[1]);
  if (entry.error())
    return Result(info, entry.error());
  auto mode = static_cast<mode_t>(IntArgument(info[2]));
  if (!S_ISFIFO(mode) && !S_ISSOCK(mode))
    return Result(info, -EPERM);
  if (mknodat(entry.parent(), entry.name(), (mode & S_IFMT) | 0600, 0) < 0)
    return Result(info, -errno);
  Descriptor made(OpenPath(entry.parent(), entry.name()));
  if (!made.failed())
    chmod(MagicLink(made.get()).path, mode & 07777);
  return Result(info, 0);
}

// (root, path, mode)
Napi::Value MkdirBeneath(const Napi::CallbackInfo &info) {
  Entry entry(info[0], info[1]);
  if (entry.error())
    return Result(info, entry.error());
  if (mkdirat(entry.parent(), entry.name(), 0700) < 0)
    return Result(info, -errno);
  Descriptor made(openat(entry.parent(), entry.name(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made.failed())
    fchmod(made.get(), static_cast<mode_t>(IntArgument(info[2])) & 07777);
  return Result(info, 0);
}

// (root, path, isDirectory)
Napi::Value UnlinkBeneath(const Napi::CallbackInfo &info) {
  Entry entry(info[0], info[1]);
  if (entry.error())
    return Result(info, entry.error());
  int flags = IntArgument(info[2]) ? AT_REMOVEDIR : 0;
  return Result(info, OrErrno(unlinkat(entry.parent(), entry.name(), flags)));
}

// (root, path, newRoot, newPath, flags)
Napi::Value RenameBeneath(const Napi::CallbackInfo &info) {
  Entry from(info[0], info[1]);
  Entry to(info[2], info[3]);
  if (from.error() || to.error())
    return Result(info, from.error() ? from.error() : to.error());
  return Result(info, OrErrno(syscall(SYS_renameat2, from.parent(), from.name(), to.parent(), to.name(),
                                      IntArgument(info[4]))));
}

// (root, path, newRoot, newPath)
Napi::Value LinkBeneath(const Napi::CallbackInfo &info) {
  Entry from(info[0], info[1]);
  Entry to(info[2], info[3]);
  if (from.error() || to.error())
    return Result(info, from.error() ? from.error() : to.error());
  return Result(info, OrErrno(linkat(from.parent(), from.name(), to.parent(), to.name(), 0)));
}

// (target, root, path)
Napi::Value SymlinkBeneath(const Napi::CallbackInfo &info) {
  Path target(info[0]);
  Entry entry(info[1], info[2]);
  if (target.error() || entry.error())
    return Result(info, target.error() ? target.error() : entry.error());
  return Result(info, OrErrno(symlinkat(target.bytes(), entry.parent(), entry.name())));
}

// (root, path, mode)
Napi::Value ChmodBeneath(const Napi::CallbackInfo &info) {
  Path path(info[1]);
  if (path.error())
    return Result(info, path.error());
  Descriptor found(OpenPath(IntArgument(info[0]), path.bytes()));
  if (found.failed())
    return Result(info, found.get());
  return Result(
      info, OrErrno(chmod(MagicLink(found.get()).path, static_cast<mode_t>(IntArgument(info[2])) & 07777)));
}

// (root, path, uid, gid): -1 leaves an id as it is
Napi::Value ChownBeneath(const Napi::CallbackInfo &info) {
  Path path(info[1]);
  if (path.error())
    return Result(info, path.error());
  Descriptor found(OpenPath(IntArgument(info[0]), path.bytes()));
  if (found.failed())
    return Result(info, found.get());
  return Result(info, OrErrno(fchownat(found.get(), "", static_cast<uid_t>(LongArgument(info[2])),
                                       static_cast<gid_t>(LongArgument(info[3])), AT_EMPTY_PATH)));
}

// (root, path, atimeSeconds, atimeNanoseconds, mtimeSeconds, mtimeNanoseconds)
Napi::Value UtimesBeneath(const Napi::CallbackInfo &info) {
  struct timespec times[2] = {{LongArgument(info[2]), LongArgument(info[3])},
                              {LongArgument(info[4]), LongArgument(info[5])}};
  if (Path(info[1]).empty())
    return Result(info, OrErrno(utimensat(AT_FDCWD, MagicLink(IntArgument(info[0])).path, times, 0)));
  Entry entry(info[0], info[1]);
  if (entry.error())
    return Result(info, entry.error());
  return Result(info, OrErrno(utimensat(entry.parent(), entry.name(), times, AT_SYMLINK_NOFOLLOW)));
}

// (fd, size)
Napi::Value Ftruncate(const Napi::CallbackInfo &info) {
  return Result(info, OrErrno(ftruncate(IntArgument(info[0]), LongArgument(info[1]))));
}

// (fd, mode, offset, length)
Napi::Value Fallocate(const Napi::CallbackInfo &info) {
  return Result(info, OrErrno(fallocate(IntArgument(info[0]), IntArgument(info[1]), LongArgument(info[2]),
                                        LongArgument(info[3]))));
}

// (fd, dataOnly)
Napi::Value Fsync(const Napi::CallbackInfo &info) {
  int fd = IntArgument(info[0]);
  return Result(info, OrErrno(IntArgument(info[1]) ? fdatasync(fd) : fsync(fd)));
}

} // namespace
} // namespace host_files

void InitHostChanges(Napi::Env env, Napi::Object exports) {
  using namespace host_files;
  exports["createBeneath"] = Napi::Function::New(env, CreateBeneath);
  exports["createNameless"] = Napi::Function::New(env, CreateNameless);
  exports["linkFd"] = Napi::Function::New(env, LinkFd);
  exports["mknodBeneath"] = Napi::Function::New(env, MknodBeneath);
  exports["mkdirBeneath"] = Napi::Function::New(env, MkdirBeneath);
  exports["unlinkBeneath"] = Napi::Function::New(env, UnlinkBeneath);
  exports["renameBeneath"] = Napi::Function::New(env, RenameBeneath);
  exports["linkBeneath"] = Napi::Function::New(env, LinkBeneath);
  exports["symlinkBeneath"] = Napi::Function::New(env, SymlinkBeneath);
  exports["chmodBeneath"] = Napi::Function::New(env, ChmodBeneath);
  exports["chownBeneath"] = Napi::Function::New(env, ChownBeneath);
  exports["utimesBeneath"] = Napi::Function::New(env, UtimesBeneath);
  exports["ftruncate"] = Napi::Function::New(env, Ftruncate);
  exports["fallocate"] = Napi::Function::New(env, Fallocate);
  exports["fsync"] = Napi::Function::New(env, Fsync);
}
