// CUDA's runtime, and the driver, as the module under test calls them, without a GPU: streams whose
// work is done at the latest moment that CUDA allows, when somebody waits for it, memory that is
// closed where nothing is mapped, and calls that fail when told to.
#pragma once
#include <cuda.h>
#include <cuda_runtime_api.h>

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "kernels/cuda/card.h"

namespace slipway::cuda {

struct PretendedCuda {
  struct Stream {
    std::vector<std::function<void()>> asked;  // all of it
    size_t done = 0;                           // how much of it is done
  };
  // how much of a stream's work must be done before the event
  struct Event {
    cudaStream_t stream = nullptr;
    size_t behind = 0;
  };
  std::map<cudaStream_t, Stream> streams;
  std::map<cudaEvent_t, Event> events;
  std::vector<std::function<void()>> recorded;  // while capturing
  bool capturing = false, spoiled = false;      // spoiled: what is captured is lost
  cudaError_t allocation = cudaSuccess;         // what cudaMalloc says
  cudaError_t last = cudaSuccess;               // of cudaGetLastError
  size_t done = 0;                              // work of all streams so far
  Card card{};                                  // that the kernels were made for
  int allocated_on = 0;                         // the device of the last cudaMalloc's thread

  // Memory that is mapped.
  static constexpr size_t kPage = 4096;
  bool maps = true;                                       // whether this GPU does
  std::map<CUmemGenericAllocationHandle, size_t> pieces;  // bytes of those that exist
  std::map<CUdeviceptr, CUmemGenericAllocationHandle> mapped;
  size_t pieces_made = 0, most_pieces = 100;  // so far; at a time

  cudaError_t say(cudaError_t result);
  cudaError_t submit(cudaStream_t to, std::function<void()> work);
  void finish(cudaStream_t stream, size_t until);
  void finish(const Event& event) { finish(event.stream, event.behind); }
};
PretendedCuda& pretended_cuda();

}  // namespace slipway::cuda
