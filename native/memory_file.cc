#include "memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

MemoryMapping::~MemoryMapping() {
  if (host)
    munmap(host, size);
  if (fd >= 0)
    close(fd);
}

static std::shared_ptr<MemoryMapping> CreateMapping(uint64_t size) {
  auto mapping = std::make_shared<MemoryMapping>();
  mapping->fd = memfd_create("ringfence-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (mapping->fd < 0 || ftruncate(mapping->fd, static_cast<off_t>(size)) < 0)
    return nullptr;
  // A file that cannot shrink cannot raise SIGBUS under whoever has it mapped.
  if (fcntl(mapping->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
    return nullptr;
  void *host = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, mapping->fd, 0);
  if (host == MAP_FAILED)
    return nullptr;
  mapping->host = static_cast<uint8_t *>(host);
  mapping->size = size;
  return mapping;
}

static int PunchHole(const MemoryMapping &mapping, int64_t offset, int64_t length) {
  return fallocate(mapping.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) < 0 ? -errno : 0;
}

// The first range that the host holds at or behind `from` and before `end`: 1, 0 where there is none, or a
// negative errno. Seeks the descriptor, whose position nobody else uses.
static int NextExtent(const MemoryMapping &mapping, off_t from, off_t end, off_t *start, off_t *stop) {
  *start = lseek(mapping.fd, from, SEEK_DATA);
  if (*start < 0)
    return errno == ENXIO ? 0 : -errno;
  if (*start >= end)
    return 0;
  *stop = lseek(mapping.fd, *start, SEEK_HOLE);
  if (*stop < 0)
    return -errno;
  *stop = std::min(*stop, end);
  return 1;
}

Napi::Function MemoryFile::Define(Napi::Env env) {
  return DefineClass(env, "MemoryFile",
                     {
                         InstanceMethod<&MemoryFile::View>("view"),
                         InstanceMethod<&MemoryFile::Decommit>("decommit"),
                         InstanceMethod<&MemoryFile::Usage>("usage"),
                         InstanceMethod<&MemoryFile::Extents>("extents"),
                         InstanceMethod<&MemoryFile::MoveFrom>("moveFrom"),
                         InstanceMethod<&MemoryFile::Destroy>("destroy"),
                         InstanceAccessor<&MemoryFile::Descriptor>("fd"),
                     });
}

MemoryFile::MemoryFile(const Napi::CallbackInfo &info) : ObjectWrap(info) {
  mapping_ = CreateMapping(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  if (!mapping_)
    throw Napi::Error::New(info.Env(), std::string("cannot make the memory file: ") + strerror(errno));
}

Napi::Value MemoryFile::View(const Napi::CallbackInfo &info) {
  auto offset = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  auto length = static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value());
  if (!mapping_ || offset > mapping_->size || length > mapping_->size - offset)
    throw Napi::RangeError::New(info.Env(), "view outside the memory file");
  // The mapping lives at least as long as its views: destroy() detaches them, a collected one lets go of it.
  auto *hold = new std::shared_ptr<MemoryMapping>(mapping_);
  auto view = Napi::ArrayBuffer::New(
      info.Env(), mapping_->host + offset, length,
      [](Napi::Env, void *, std::shared_ptr<MemoryMapping> *held) { delete held; }, hold);
  views_.push_back({Napi::Reference<Napi::ArrayBuffer>::New(view, 1), hold});
  return view;
}

Napi::Value MemoryFile::Decommit(const Napi::CallbackInfo &info) {
  int64_t offset = info[0].As<Napi::Number>().Int64Value();
  int64_t length = info[1].As<Napi::Number>().Int64Value();
  return Napi::Number::New(info.Env(), mapping_ ? PunchHole(*mapping_, offset, length) : -EBADF);
}

Napi::Value MemoryFile::Usage(const Napi::CallbackInfo &info) {
  struct stat status = {};
  if (!mapping_ || fstat(mapping_->fd, &status) < 0)
    return Napi::Number::New(info.Env(), mapping_ ? -errno : -EBADF);
  return Napi::Number::New(info.Env(), static_cast<double>(status.st_blocks) * 512);
}

Napi::Value MemoryFile::Extents(const Napi::CallbackInfo &info) {
  int64_t from = info[0].As<Napi::Number>().Int64Value();
  int64_t end = info[1].As<Napi::Number>().Int64Value();
  auto out = info[2].As<Napi::Float64Array>();
  size_t count = 0;
  int status = mapping_ ? 1 : -EBADF;
  while (status > 0 && count + 2 <= out.ElementLength()) {
    off_t start = 0, stop = 0;
    status = NextExtent(*mapping_, from, end, &start, &stop);
    if (status <= 0)
      break;
    out[count++] = static_cast<double>(start);
    out[count++] = static_cast<double>(stop);
    from = stop;
  }
  return Napi::Number::New(info.Env(), status < 0 ? status : static_cast<double>(count));
}

// Moves this much at a time, so that little is ever held twice.
static constexpr off_t kMoveStep = 4 << 20;

static int MoveContents(const MemoryMapping &to, const MemoryMapping &from) {
  int status = PunchHole(to, 0, static_cast<int64_t>(to.size));
  off_t at = 0, start = 0, stop = 0;
  while (status == 0 && (status = NextExtent(from, at, static_cast<off_t>(from.size), &start, &stop)) > 0) {
    at = std::min(stop, start + kMoveStep);
    memcpy(to.host + start, from.host + start, static_cast<size_t>(at - start));
    status = PunchHole(from, start, at - start);
  }
  return status;
}

Napi::Value MemoryFile::MoveFrom(const Napi::CallbackInfo &info) {
  auto other = MemoryFile::Unwrap(info[0].As<Napi::Object>())->mapping();
  bool possible = mapping_ && other && other != mapping_ && other->size == mapping_->size;
  return Napi::Number::New(info.Env(), possible ? MoveContents(*mapping_, *other) : -EINVAL);
}

Napi::Value MemoryFile::Descriptor(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), mapping_ ? mapping_->fd : -1);
}

void MemoryFile::Destroy(const Napi::CallbackInfo &) {
  for (auto &view : views_) {
    view.buffer.Value().Detach();
    view.hold->reset(); // the finalizer comes when the collector does; the memory goes now
  }
  views_.clear();
  mapping_.reset();
}
