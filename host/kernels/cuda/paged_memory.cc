// Mapping is the host's, and at once; the GPU's work is later. What leaves stays mapped until an
// event says that the work is done.
#include "kernels/cuda/paged_memory.h"

#include <algorithm>

#include "kernels/cuda/own_device.h"

namespace slipway::cuda {
namespace {

constexpr size_t kMostKept = 4;
// Pieces of one buffer: with none the host would wait for a segment's kernels before it asks for
// those of the next; without a limit it would run ahead until all pieces were there at once.
constexpr size_t kMostLeaving = 1;

}  // namespace

PieceStore::~PieceStore() { give_back(); }

Piece PieceStore::take(size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    const auto fits = std::ranges::find(kept_, bytes, &Piece::bytes);
    if (fits != kept_.end()) {
      const Piece out = *fits;
      kept_.erase(fits);
      return out;
    }
  }
  Piece out{0, bytes};
  const CUmemAllocationProp memory = memory_of_own_device();
  CUresult result = driver()->create(&out.handle, bytes, &memory, 0);
  if (result == CUDA_ERROR_OUT_OF_MEMORY && give_back())
    result = driver()->create(&out.handle, bytes, &memory, 0);
  if (result == CUDA_ERROR_OUT_OF_MEMORY)
    throw GpuMemoryFull("out of memory: the GPU has no " + std::to_string(bytes >> 20) +
                        " MiB left");
  check(result, "asking for memory to map");
  return out;
}

void PieceStore::give(const Piece& piece) {
  const std::lock_guard lock(mutex_);
  kept_.push_back(piece);
  if (kept_.size() <= kMostKept) return;
  driver()->release(kept_.front().handle);
  kept_.pop_front();
}

bool PieceStore::give_back() {
  const std::lock_guard lock(mutex_);
  const bool any = !kept_.empty();
  for (const Piece& piece : kept_) driver()->release(piece.handle);
  kept_.clear();
  return any;
}

size_t PieceStore::free_bytes() {
  const std::lock_guard lock(mutex_);
  size_t out = 0;
  for (const Piece& piece : kept_) out += piece.bytes;
  return out;
}

CudaPagedMemory::CudaPagedMemory(cudaStream_t kernels, PieceStore& store, size_t bytes)
    : kernels_(kernels), store_(store), bytes_(bytes) {
  check(driver()->reserve(&begin_, bytes_, 0, 0, 0), "reserving addresses");
}

CudaPagedMemory::~CudaPagedMemory() {
  try {
    use_own_device();
    cudaStreamSynchronize(kernels_);
    let_leave(0);
    for (const auto& [at, piece] : there_) {
      unmap(at, piece);
      store_.give(piece);
    }
  } catch (const std::exception&) {
    // The GPU is gone, and its memory with it.
  }
  driver()->free_addresses(begin_, bytes_);
}

void CudaPagedMemory::give(size_t at, size_t bytes) {
  use_own_device();
  const std::lock_guard lock(mutex_);
  // One that is on its way out stays: what writes it anew comes after what reads it still.
  const auto back = std::ranges::find(leaving_, at, &Leaving::at);
  if (back != leaving_.end() && back->piece.bytes == bytes) {
    cudaEventDestroy(back->behind);
    there_.emplace(at, back->piece);
    leaving_.erase(back);
    return;
  }
  const Piece piece = found(bytes);
  try {
    map(at, piece);
  } catch (...) {
    store_.give(piece);
    throw;
  }
  there_.emplace(at, piece);
}

Piece CudaPagedMemory::found(size_t bytes) {
  try {
    return store_.take(bytes);
  } catch (const std::bad_alloc&) {
    if (leaving_.empty()) throw;
  }
  let_leave(0);
  return store_.take(bytes);
}

void CudaPagedMemory::take(size_t at) {
  use_own_device();
  const std::lock_guard lock(mutex_);
  const auto piece = there_.find(at);
  if (piece == there_.end()) throw std::logic_error("no memory was given there");
  cudaEvent_t behind = nullptr;
  check(cudaEventCreateWithFlags(&behind, cudaEventDisableTiming), "event");
  if (const cudaError_t result = cudaEventRecord(behind, kernels_); result != cudaSuccess) {
    cudaEventDestroy(behind);
    check(result, "giving memory back");
  }
  leaving_.push_back({at, piece->second, behind});
  there_.erase(piece);
  let_leave(kMostLeaving);
}

void CudaPagedMemory::let_leave(size_t left) {
  while (leaving_.size() > left) {
    const Leaving first = leaving_.front();
    check(cudaEventSynchronize(first.behind), "work on the GPU");
    leaving_.pop_front();
    cudaEventDestroy(first.behind);
    unmap(first.at, first.piece);
    store_.give(first.piece);
  }
}

void CudaPagedMemory::map(size_t at, const Piece& piece) {
  check(driver()->map(begin_ + at, piece.bytes, 0, piece.handle, 0), "mapping memory");
  CUmemAccessDesc access{};
  access.location = memory_of_own_device().location;
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  const CUresult result = driver()->set_access(begin_ + at, piece.bytes, &access, 1);
  if (result != CUDA_SUCCESS) unmap(at, piece);
  check(result, "opening mapped memory");
}

void CudaPagedMemory::unmap(size_t at, const Piece& piece) {
  check(driver()->unmap(begin_ + at, piece.bytes), "unmapping memory");
}

}  // namespace slipway::cuda
