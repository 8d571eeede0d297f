// Copying with all threads into memory of its own, which goes back to the system afterwards.
#include "operators/host_copy.h"

#include <sys/mman.h>

#include <cstring>

#include "base/error.h"
#include "base/trace.h"
#include "compute/parallel.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

// Of a thread, which is the first to touch that memory too. Large pages (madvise) are not asked
// for: where memory is in pieces the kernel moves it together first, for longer than all of this
// takes.
constexpr int64_t kPieceFloats = int64_t{1} << 19;

size_t bytes_of(const at::Tensor& buffer) {
  return static_cast<size_t>(buffer.numel()) * sizeof(float);
}

}  // namespace

std::shared_ptr<const HostCopy> HostCopy::of(std::span<const at::Tensor> buffers) {
  const TraceScope trace("loop", "copy");
  const at::NoGradGuard no_grad;
  size_t bytes = 0;
  for (const at::Tensor& buffer : buffers) bytes += bytes_of(buffer);
  if (bytes == 0) bytes = sizeof(float);
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  std::shared_ptr<HostCopy> out(new HostCopy(memory, bytes));
  auto* here = static_cast<float*>(memory);
  for (const at::Tensor& buffer : buffers) {
    const at::Tensor there = buffer.detach();
    out->pieces_.push_back({there, here});
    if (on_device(there)) {
      at::from_blob(here, {there.numel()}).copy_(there.view({-1}));
    } else {
      const float* from = there.const_data_ptr<float>();
      parallel_ranges(there.numel(), kPieceFloats, [&](int64_t begin, int64_t end) {
        std::memcpy(here + begin, from + begin, static_cast<size_t>(end - begin) * sizeof(float));
      });
    }
    here += there.numel();
  }
  return out;
}

HostCopy::~HostCopy() { ::munmap(memory_, bytes_); }

at::Tensor HostCopy::held(const at::Tensor& view) const {
  const auto* at = static_cast<const std::byte*>(view.const_data_ptr());
  for (const Piece& piece : pieces_) {
    const auto* begin = static_cast<const std::byte*>(piece.there.const_data_ptr());
    if (at < begin || at + bytes_of(view) > begin + bytes_of(piece.there)) continue;
    return at::from_blob(piece.here + (at - begin) / static_cast<ptrdiff_t>(sizeof(float)),
                         view.sizes());
  }
  fail("a tensor is to be written that was not copied");
}

}  // namespace slipway
