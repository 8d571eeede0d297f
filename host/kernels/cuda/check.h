// Results of CUDA's calls as exceptions.
#pragma once
#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <new>
#include <stdexcept>
#include <string>

namespace slipway::cuda {

// A std::bad_alloc, as the host expects of memory that ran out.
class GpuMemoryFull : public std::bad_alloc {
 public:
  explicit GpuMemoryFull(std::string text) : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

// A fault is told once: CUDA keeps it, and would tell it again of the next launch, which may have
// done its work.
inline void check(cudaError_t result, const char* what) {
  if (result == cudaSuccess) return;
  cudaGetLastError();
  const std::string text = std::string("CUDA, ") + what + ": " + cudaGetErrorString(result);
  if (result == cudaErrorMemoryAllocation) throw GpuMemoryFull(text);
  throw std::runtime_error(text);
}
inline void check(cublasStatus_t result, const char* what) {
  if (result == CUBLAS_STATUS_ALLOC_FAILED)
    throw GpuMemoryFull(std::string("cuBLASLt, ") + what + ": " + cublasLtGetStatusString(result));
  if (result != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error(std::string("cuBLASLt, ") + what + ": " +
                             cublasLtGetStatusString(result));
}

}  // namespace slipway::cuda
