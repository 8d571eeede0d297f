// CUDA's runtime as the module under test calls it, without a GPU: one stream whose work is done at
// the latest moment that CUDA allows, when somebody waits for it, and calls that fail when told to.
#pragma once
#include <cuda_runtime_api.h>

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "kernels/cuda/card.h"

namespace slipway::cuda {

struct PretendedCuda {
  std::vector<std::function<void()>> stream;    // asked for, not done yet
  std::vector<std::function<void()>> recorded;  // while capturing
  bool capturing = false, spoiled = false;      // spoiled: what is captured is lost
  cudaError_t allocation = cudaSuccess;         // what cudaMalloc says
  cudaError_t last = cudaSuccess;               // of cudaGetLastError
  // how much of the stream's work must be done before each
  std::map<cudaEvent_t, size_t> events;
  size_t done = 0;  // work that the stream has done so far
  Card card{};      // that the kernels were made for

  cudaError_t say(cudaError_t result);
  cudaError_t submit(std::function<void()> work);
  void finish(size_t until);
};
PretendedCuda& pretended_cuda();

}  // namespace slipway::cuda
