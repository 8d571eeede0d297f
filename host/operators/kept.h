// A tensor that a backward pass needs as it was in the forward pass.
#pragma once
#include "base/error.h"
#include "compute/torch.h"

namespace slipway {

class Kept {
 public:
  Kept() = default;
  explicit Kept(const at::Tensor& tensor)
      : tensor_(tensor.detach()), version_(tensor_._version()) {}

  bool defined() const { return tensor_.defined(); }
  // Throws Error in the operator's name when an operation in place has changed it since: gradients
  // would be those of other values.
  const at::Tensor& of(const char* op) const {
    if (tensor_._version() != version_)
      fail(
          "{}: an operand or the result was changed in place before the backward pass, which needs "
          "it as it was",
          op);
    return tensor_;
  }

 private:
  at::Tensor tensor_;  // shares its counter of changes with the one that was given
  int64_t version_ = 0;
};

}  // namespace slipway
