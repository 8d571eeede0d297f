// Matrix products by cuBLASLt: float32 throughout, TF32 off, or with operands that cuBLASLt rounds
// to bfloat16 itself. Which algorithm does a product is asked once for each shape.
#pragma once
#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "kernels/cuda/product_plan.h"

namespace slipway::cuda {

class Products {
 public:
  explicit Products(cudaStream_t stream);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  // d = a b + beta c. Any thread; work goes to the stream.
  void multiply(const ProductPlan& plan, const float* a, const float* b, const float* c, float* d);

 private:
  struct Prepared;
  // Shape, rounding, and the bytes that all four pointers are aligned to.
  using Key = std::tuple<bool, bool, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, bool,
                         bool, uint32_t>;
  const Prepared& prepared(const ProductPlan& plan, uint32_t alignment);

  cudaStream_t stream_;
  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  std::mutex mutex_;
  std::map<Key, std::unique_ptr<Prepared>> prepared_;
};

}  // namespace slipway::cuda
