// I/O on host descriptors: positioned reads and writes of files we opened, and attempts that never wait on
// the descriptors a user handed in (standard input and output), whose open file descriptions are shared with
// others and must not be made non-blocking.
#include "host_files.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_set>

namespace host_files {
namespace {

// poll(2) promises only that a write of so much does not wait on a pipe (PIPE_BUF).
constexpr size_t kSafeWrite = 4096;

// (fd, out, offset)
Napi::Value Pread(const Napi::CallbackInfo &info) {
  Bytes out = BytesArgument(info[1]);
  return Result(info, OrErrno(pread(IntArgument(info[0]), out.data, out.length, LongArgument(info[2]))));
}

// (fd, data, offset)
Napi::Value Pwrite(const Napi::CallbackInfo &info) {
  Bytes data = BytesArgument(info[1]);
  return Result(info, OrErrno(pwrite(IntArgument(info[0]), data.data, data.length, LongArgument(info[2]))));
}

int PollNow(int fd, short events) {
  struct pollfd entry = {fd, events, 0};
  int count = poll(&entry, 1, 0);
  return count < 0 ? -errno : count == 0 ? 0 : entry.revents;
}

bool IsUnsupported(int error) { return error == EOPNOTSUPP || error == ESPIPE || error == ENOSYS; }

// (fd, out): at the descriptor's own position; -EAGAIN where it would wait.
Napi::Value TryRead(const Napi::CallbackInfo &info) {
  int fd = IntArgument(info[0]);
  Bytes out = BytesArgument(info[1]);
  struct iovec vector = {out.data, out.length};
  ssize_t count = preadv2(fd, &vector, 1, -1, RWF_NOWAIT);
  if (count >= 0 || !IsUnsupported(errno))
    return Result(info, OrErrno(count));
  int ready = PollNow(fd, POLLIN);
  if (ready <= 0)
    return Result(info, ready < 0 ? ready : -EAGAIN);
  return Result(info, OrErrno(read(fd, out.data, out.length)));
}

// (fd, data): bytes written, -EAGAIN where it would wait.
Napi::Value TryWrite(const Napi::CallbackInfo &info) {
  int fd = IntArgument(info[0]);
  Bytes data = BytesArgument(info[1]);
  struct iovec vector = {data.data, data.length};
  ssize_t count = pwritev2(fd, &vector, 1, -1, RWF_NOWAIT);
  if (count >= 0 || !IsUnsupported(errno))
    return Result(info, OrErrno(count));
  int ready = PollNow(fd, POLLOUT);
  if (ready <= 0)
    return Result(info, ready < 0 ? ready : -EAGAIN);
  return Result(info, OrErrno(write(fd, data.data, std::min(data.length, kSafeWrite))));
}

// (fd, out): for descriptors that are always ready: regular files, at the position shared with the host.
Napi::Value ReadFd(const Napi::CallbackInfo &info) {
  Bytes out = BytesArgument(info[1]);
  return Result(info, OrErrno(read(IntArgument(info[0]), out.data, out.length)));
}

Napi::Value WriteFd(const Napi::CallbackInfo &info) {
  Bytes data = BytesArgument(info[1]);
  return Result(info, OrErrno(write(IntArgument(info[0]), data.data, data.length)));
}

// (fd, offset, whence)
Napi::Value Lseek(const Napi::CallbackInfo &info) {
  return Result(info, OrErrno(lseek(IntArgument(info[0]), LongArgument(info[1]), IntArgument(info[2]))));
}

// (fd, events): poll(2) that does not wait; the events that hold
Napi::Value PollFd(const Napi::CallbackInfo &info) {
  return Result(info, PollNow(IntArgument(info[0]), static_cast<short>(IntArgument(info[1]))));
}

// (fd): F_GETFL
Napi::Value StatusFlags(const Napi::CallbackInfo &info) {
  return Result(info, OrErrno(fcntl(IntArgument(info[0]), F_GETFL)));
}

// (fd): F_GET_SEALS
Napi::Value GetSeals(const Napi::CallbackInfo &info) {
  return Result(info, OrErrno(fcntl(IntArgument(info[0]), F_GET_SEALS)));
}

// (fd): a description of our own, non-blocking, of the terminal `fd` is open on; the shared one keeps its
// flags.
Napi::Value ReopenTerminal(const Napi::CallbackInfo &info) {
  int fd = IntArgument(info[0]);
  int flags = fcntl(fd, F_GETFL);
  return Result(info, flags < 0 ? -errno : Reopen(fd, flags & O_ACCMODE));
}

Napi::Value Duplicate(const Napi::CallbackInfo &info) {
  return Result(info, OrErrno(fcntl(IntArgument(info[0]), F_DUPFD_CLOEXEC, 3)));
}

// Descriptors that go with the environment: a worker may be terminated while sandboxes live on it.
struct Kept {
  std::unordered_set<int> fds;
  ~Kept() {
    for (int fd : fds)
      close(fd);
  }
};

// (fd): what closeFd has not closed by then is closed with the environment.
Napi::Value Keep(const Napi::CallbackInfo &info) {
  int fd = IntArgument(info[0]);
  if (fd >= 0)
    info.Env().GetInstanceData<Kept>()->fds.insert(fd);
  return info[0];
}

Napi::Value Close(const Napi::CallbackInfo &info) {
  int fd = IntArgument(info[0]);
  info.Env().GetInstanceData<Kept>()->fds.erase(fd);
  return Result(info, OrErrno(close(fd)));
}

// Size of what the argument of a permitted ioctl points to; 0 for one that takes an int; -1 for others.
int IoctlSize(unsigned request) {
  switch (request) {
  case TCGETS:
  case TCSETS:
  case TCSETSW:
  case TCSETSF:
    return sizeof(struct termios);
  case TCGETS2:
  case TCSETS2:
  case TCSETSW2:
  case TCSETSF2:
    return sizeof(struct termios2);
  case TIOCGWINSZ:
  case TIOCSWINSZ:
    return sizeof(struct winsize);
  case TIOCGPGRP:
  case TIOCGSID:
  case TIOCOUTQ:
  case FIONREAD:
    return sizeof(int);
  case TCSBRK:
  case TCSBRKP:
  case TCXONC:
  case TCFLSH:
    return 0;
  default:
    return -1;
  }
}

// (fd, request, argument): the argument is bytes, or an int for a request that takes one. ENOTTY for requests
// that are not known: their argument would be of unknown size.
Napi::Value Ioctl(const Napi::CallbackInfo &info) {
  int fd = IntArgument(info[0]);
  unsigned request = info[1].As<Napi::Number>().Uint32Value();
  int size = IoctlSize(request);
  if (size < 0)
    return Result(info, -ENOTTY);
  if (size == 0)
    return Result(info, OrErrno(ioctl(fd, request, static_cast<long>(IntArgument(info[2])))));
  Bytes argument = BytesArgument(info[2]);
  if (argument.length < static_cast<size_t>(size))
    return Result(info, -EINVAL);
  return Result(info, OrErrno(ioctl(fd, request, argument.data)));
}

} // namespace
} // namespace host_files

void InitHostDescriptors(Napi::Env env, Napi::Object exports) {
  using namespace host_files;
  exports["pread"] = Napi::Function::New(env, Pread);
  exports["pwrite"] = Napi::Function::New(env, Pwrite);
  exports["tryRead"] = Napi::Function::New(env, TryRead);
  exports["tryWrite"] = Napi::Function::New(env, TryWrite);
  exports["readFd"] = Napi::Function::New(env, ReadFd);
  exports["writeFd"] = Napi::Function::New(env, WriteFd);
  exports["lseek"] = Napi::Function::New(env, Lseek);
  exports["pollFd"] = Napi::Function::New(env, PollFd);
  exports["statusFlags"] = Napi::Function::New(env, StatusFlags);
  exports["getSeals"] = Napi::Function::New(env, GetSeals);
  exports["reopenTerminal"] = Napi::Function::New(env, ReopenTerminal);
  exports["duplicateFd"] = Napi::Function::New(env, Duplicate);
  env.SetInstanceData(new Kept);
  exports["keepFd"] = Napi::Function::New(env, Keep);
  exports["closeFd"] = Napi::Function::New(env, Close);
  exports["ioctlFd"] = Napi::Function::New(env, Ioctl);
}
