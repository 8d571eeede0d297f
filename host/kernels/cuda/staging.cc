// A ring of pieces.
#include "kernels/cuda/staging.h"

#include <algorithm>
#include <cstring>

#include "kernels/cuda/check.h"

namespace slipway::cuda {

Staging::Staging(cudaStream_t stream) : stream_(stream) {
  try {
    check(cudaHostAlloc(reinterpret_cast<void**>(&memory_), kPieces * kPieceBytes,
                        cudaHostAllocDefault),
          "memory for copies");
    for (cudaEvent_t& event : read_)
      check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "event");
  } catch (...) {
    release();
    throw;
  }
}

Staging::~Staging() {
  cudaStreamSynchronize(stream_);
  release();
}

void Staging::release() {
  for (const cudaEvent_t event : read_)
    if (event != nullptr) cudaEventDestroy(event);
  if (memory_ != nullptr) cudaFreeHost(memory_);
}

void Staging::send(void* to, const void* from, size_t bytes) {
  for (size_t at = 0; at < bytes; at += kPieceBytes) {
    const size_t piece = next_++ % kPieces, count = std::min(kPieceBytes, bytes - at);
    char* const memory = memory_ + piece * kPieceBytes;
    // at once, when nothing was recorded yet
    check(cudaEventSynchronize(read_[piece]), "work on the GPU");
    std::memcpy(memory, static_cast<const char*>(from) + at, count);
    check(cudaMemcpyAsync(static_cast<char*>(to) + at, memory, count, cudaMemcpyHostToDevice,
                          stream_),
          "copy in");
    check(cudaEventRecord(read_[piece], stream_), "copy in");
  }
}

}  // namespace slipway::cuda
