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

#include <memory>
#include <type_traits>

namespace slipway {

// A node of the autograd graph, in the pointer that this LibTorch counts its nodes by:
// c10::intrusive_ptr in 2.15, std::shared_ptr in 2.11.
template <class Node>
auto make_node() {
  if constexpr (std::is_base_of_v<c10::intrusive_ptr_target, Node>)
    return c10::make_intrusive<Node>();
  else return std::make_shared<Node>();
}

}  // namespace slipway
