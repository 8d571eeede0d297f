// Results of CUDA's calls as exceptions.
#pragma once
#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace slipway::cuda {

inline void check(cudaError_t result, const char* what) {
  if (result != cudaSuccess) throw std::runtime_error(std::string("CUDA, ") + what + ": " + cudaGetErrorString(result));
}
inline void check(cublasStatus_t result, const char* what) {
  if (result != CUBLAS_STATUS_SUCCESS) throw std::runtime_error(std::string("cuBLASLt, ") + what + ": " + cublasLtGetStatusString(result));
}

}  // namespace slipway::cuda
