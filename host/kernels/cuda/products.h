// Matrix products by cuBLASLt: float32 throughout, TF32 off, or of bfloat16 operands with sums in
// float32. Which algorithm does a product is asked once for each shape.
#pragma once
#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "kernels/cuda/operand_room.h"
#include "kernels/cuda/product_plan.h"

namespace slipway::cuda {

class Products {
 public:
  explicit Products(cudaStream_t stream);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  // d = a b + beta c. Any thread; work goes to the stream.
  void multiply(const ProductPlan& plan, const ProductOperands& of);
  // Memory for `count` values on the GPU, the same at every call as long as that is enough. What
  // was given earlier stays: recorded work has its address.
  uint16_t* room(OperandRoom place, int64_t count);

 private:
  struct Prepared;
  // Shape, types, and the bytes that all four pointers are aligned to.
  using Key = std::tuple<bool, bool, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, bool,
                         cudaDataType_t, cudaDataType_t, uint32_t>;
  const Prepared& prepared(const ProductPlan& plan, const ProductOperands& of);

  cudaStream_t stream_;
  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  std::mutex mutex_;
  std::map<Key, std::unique_ptr<Prepared>> prepared_;
  struct Room {
    uint16_t* memory = nullptr;
    int64_t count = 0;
  };
  std::vector<Room> rooms_[kOperandRooms];
};

}  // namespace slipway::cuda
