// Bytes of the host on their way to the GPU, by memory of our own that the GPU reads by itself: a
// copy from other memory may still be under way when CUDA's call returns.
#pragma once
#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>

namespace slipway::cuda {

class Staging {
 public:
  static constexpr size_t kPieces = 16, kPieceBytes = size_t{1} << 20;

  // Copies go in order onto the stream, which outlives the object. Throws when there is no memory
  // for it.
  explicit Staging(cudaStream_t stream);
  ~Staging();  // waits for what is under way
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // to = from, `bytes` of them; what lies at `from` may change when it returns. Waits for the GPU
  // only when all pieces are under way. Not while the stream is recorded: a recording would read a
  // piece again at each replay. One thread at a time.
  void send(void* to, const void* from, size_t bytes);

 private:
  void release();

  cudaStream_t stream_;
  char* memory_ = nullptr;
  std::array<cudaEvent_t, kPieces> read_{};  // the GPU has read the piece
  size_t next_ = 0;
};

}  // namespace slipway::cuda
