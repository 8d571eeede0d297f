// The part of LibTorch that the host uses, precompiled once for every layer that includes it.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/generated/variable_factories.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/library.h>

namespace slipway {

// Where models compute (device_tensors.h).
at::Tensor int64_tensor(const std::vector<int64_t>& values);

}  // namespace slipway
