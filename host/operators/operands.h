// Operands of the operators that plugins call, checked before a kernel sees them.
#pragma once
#include <initializer_list>
#include <string>

#include "compute/torch.h"

namespace slipway {

// "float32 [3, 4]".
std::string described(const at::Tensor& tensor);

// Whether all are there, float32, and on one device.
bool floats_together(std::initializer_list<const at::Tensor*> operands);

// Throws Error unless `fit`: "slipway::swiglu_v1: expects gate and up of one shape; was given
// float32 [3, 4] and float32 [3, 5]".
void require_operands(bool fit, const char* op, const char* expected,
                      std::initializer_list<const at::Tensor*> given);

// Throws Error unless `w` is float32 of that shape, without gaps, on x's device:
// "slipway::attention_block_v2: q_bias must be float32 [48] without gaps, beside x; was given ...".
void require_operand(const char* op, const char* name, const at::Tensor& w, at::IntArrayRef shape,
                     const at::Tensor& x);

}  // namespace slipway
