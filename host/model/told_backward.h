// A place in a model where the backward pass tells that it has come by.
#pragma once
#include <functional>
#include <memory>

#include "compute/torch.h"

namespace slipway {

// x, whose backward pass calls (*behind)(segment) before it goes on below x. x itself where there
// is no `behind`, or where nothing is recorded.
at::Tensor told_backward(const at::Tensor& x,
                         const std::shared_ptr<const std::function<void(int32_t segment)>>& behind,
                         int32_t segment);

}  // namespace slipway
