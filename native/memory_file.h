// The file that guest memory comes from: a memfd, mapped once as a whole, which JavaScript sees in pieces.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <vector>

// The descriptor and its mapping; shared with the machines that map it into guests, so that it outlives them.
struct MemoryMapping {
  int fd = -1;
  uint8_t *host = nullptr;
  uint64_t size = 0;

  MemoryMapping() = default;
  MemoryMapping(const MemoryMapping &) = delete;
  MemoryMapping &operator=(const MemoryMapping &) = delete;
  ~MemoryMapping();
};

// new MemoryFile(size): size in bytes, a multiple of the page size.
class MemoryFile : public Napi::ObjectWrap<MemoryFile> {
public:
  static Napi::Function Define(Napi::Env env);
  explicit MemoryFile(const Napi::CallbackInfo &info);

  std::shared_ptr<MemoryMapping> mapping() const { return mapping_; }

private:
  // view(offset, length): an ArrayBuffer on the mapping, until destroy().
  Napi::Value View(const Napi::CallbackInfo &info);
  // decommit(offset, length): 0 or a negative errno.
  Napi::Value Decommit(const Napi::CallbackInfo &info);
  // usage(): bytes the host holds for it, or a negative errno.
  Napi::Value Usage(const Napi::CallbackInfo &info);
  // extents(offset, end, out): fills the Float64Array with the starts and ends of what the host holds from
  // offset on, up to end or to the array's; the count of numbers written, or a negative errno.
  Napi::Value Extents(const Napi::CallbackInfo &info);
  // moveFrom(other): takes over the contents of a file of the same size, which is empty after; 0 or a
  // negative errno.
  Napi::Value MoveFrom(const Napi::CallbackInfo &info);
  Napi::Value Descriptor(const Napi::CallbackInfo &info);
  // Detaches every view; the memory goes with the last machine that maps it.
  void Destroy(const Napi::CallbackInfo &info);

  std::shared_ptr<MemoryMapping> mapping_;
  struct LiveView {
    Napi::Reference<Napi::ArrayBuffer> buffer;
    std::shared_ptr<MemoryMapping> *hold; // the buffer's finalizer deletes it
  };
  std::vector<LiveView> views_;
};
