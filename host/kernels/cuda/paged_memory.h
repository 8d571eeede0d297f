// Reserved addresses to which the GPU's memory is mapped piece by piece.
#pragma once
#include <deque>
#include <map>
#include <mutex>

#include "kernels/accelerator.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/driver.h"

namespace slipway::cuda {

// A piece of the GPU's memory, wherever it is mapped.
struct Piece {
  CUmemGenericAllocationHandle handle;
  size_t bytes;
};

// Pieces that are mapped nowhere, a few of them, kept for who asks for as much next: the driver
// takes long to make one. Any thread.
class PieceStore {
 public:
  PieceStore() = default;
  ~PieceStore();
  PieceStore(const PieceStore&) = delete;
  PieceStore& operator=(const PieceStore&) = delete;

  Piece take(size_t bytes);  // throws GpuMemoryFull
  void give(const Piece& piece);
  // What is kept goes back to the GPU; whether anything was.
  bool give_back();
  size_t free_bytes();

 private:
  std::mutex mutex_;
  std::deque<Piece> kept_;  // the latest last
};

class CudaPagedMemory : public PagedMemory {
 public:
  // `kernels`: the stream whose work uses it, after that of lanes which it waits for. `store`
  // outlives this.
  CudaPagedMemory(cudaStream_t kernels, PieceStore& store, size_t bytes);
  ~CudaPagedMemory() override;
  CudaPagedMemory(const CudaPagedMemory&) = delete;
  CudaPagedMemory& operator=(const CudaPagedMemory&) = delete;

  void* begin() const override { return reinterpret_cast<void*>(begin_); }
  void give(size_t at, size_t bytes) override;
  void take(size_t at) override;

 private:
  struct Leaving {
    size_t at;
    Piece piece;
    cudaEvent_t behind;  // all work that may use it
  };
  // The earliest of those that leave are gone, until so many are left; waits for them.
  void let_leave(size_t left);
  Piece found(size_t bytes);
  void map(size_t at, const Piece& piece);
  void unmap(size_t at, const Piece& piece);

  const cudaStream_t kernels_;
  PieceStore& store_;
  const size_t bytes_;
  CUdeviceptr begin_ = 0;
  std::mutex mutex_;
  std::map<size_t, Piece> there_;
  std::deque<Leaving> leaving_;
};

}  // namespace slipway::cuda
