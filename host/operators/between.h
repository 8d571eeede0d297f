// Memory for values between the products of a block, of the type that the kernels take them in.
#pragma once
#include "base/error.h"
#include "compute/torch.h"
#include "kernels/kernels.h"
#include "operators/packed_weights.h"

namespace slipway {

// float32; or bfloat16, where products round their operands to it and work on unpacked weights.
class Between {
 public:
  explicit Between(const Kernels& kernels)
      : bfloat16_(kernels.bfloat16_values() && PackedWeightsScope::current() == nullptr) {}

  // Of what a forward pass kept, for its backward pass; throws Error in the operator's name where
  // that is bfloat16 and the kernels do not round now.
  Between(const at::Tensor& kept, const Kernels& kernels, const char* op)
      : bfloat16_(kept.scalar_type() == at::kBFloat16) {
    if (bfloat16_ && !kernels.bfloat16_values())
      fail("{}: its forward pass rounded to bfloat16, and its backward pass does not", op);
  }

  bool bfloat16() const { return bfloat16_; }
  // Floats of memory that a call sets aside for [rows, width], products' readable rows included.
  int64_t floats(int64_t rows, int64_t width) const {
    return bfloat16_ ? (padded(rows) * width + 1) / 2 : rows * width;
  }
  // That memory.
  Values in(float* memory) const {
    if (bfloat16_) return reinterpret_cast<uint16_t*>(memory);
    return memory;
  }
  // A tensor [rows, width], likewise.
  at::Tensor tensor(int64_t rows, int64_t width, const at::TensorOptions& options) const {
    if (!bfloat16_) return at::empty({rows, width}, options);
    at::Tensor out = at::empty({padded(rows), width}, options.dtype(at::kBFloat16));
    out.unsafeGetTensorImpl()->set_sizes_contiguous({rows, width});  // a view without its price
    return out;
  }
  static Values of(const at::Tensor& values) {
    if (values.scalar_type() == at::kBFloat16)
      return reinterpret_cast<uint16_t*>(values.data_ptr<at::BFloat16>());
    return values.data_ptr<float>();
  }

 private:
  static int64_t padded(int64_t rows) {
    return (rows + Kernels::kOperandRows - 1) / Kernels::kOperandRows * Kernels::kOperandRows;
  }

  bool bfloat16_;
};

}  // namespace slipway
