// The starting model beside the policy: both are what they were after any number of exchanges.
#include "raft/reference.h"

#include <gtest/gtest.h>

#include "tests/unit/loop/tiny_model.h"

namespace slipway {
namespace {

std::vector<at::Tensor> weights_of(const Model& model) {
  std::vector<at::Tensor> out;
  for (const FlatParameters::Group& group : model.parameters().groups())
    out.push_back(group.weights.detach().clone());
  return out;
}
bool equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (!at::equal(a[i], b[i])) return false;
  return a.size() == b.size();
}

TEST(ReferenceModel, PolicyAndStartingModelChangePlacesAndBack) {
  TinyModel tiny;
  const std::vector<Example> examples = tiny_examples();
  const std::vector<double> start = sequence_logprobs(tiny.model, examples);
  ReferenceModel reference(tiny.model);
  const void* const place = tiny.model.parameters().groups()[0].weights.data_ptr();
  {
    const at::NoGradGuard no_grad;
    for (FlatParameters::Group& group : tiny.model.parameters().groups()) group.weights.add_(0.05);
  }
  const std::vector<at::Tensor> policy = weights_of(tiny.model);
  const std::vector<double> moved = sequence_logprobs(tiny.model, examples);
  EXPECT_NE(moved, start);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(reference.logprobs(tiny.model, examples), start);
    EXPECT_TRUE(equal(weights_of(tiny.model), policy));
    EXPECT_EQ(sequence_logprobs(tiny.model, examples), moved);
  }
  EXPECT_EQ(tiny.model.parameters().groups()[0].weights.data_ptr(), place)
      << "the plugin's views point there";
}

TEST(ReferenceModel, WhatFailsMeanwhileLeavesThePolicy) {
  TinyModel tiny;
  ReferenceModel reference(tiny.model);
  {
    const at::NoGradGuard no_grad;
    tiny.model.parameters().groups()[0].weights.add_(0.05);
  }
  const std::vector<at::Tensor> policy = weights_of(tiny.model);
  const std::vector<Example> foreign = {{{3, 7, 99}, 1}};  // no such token
  EXPECT_THROW(reference.logprobs(tiny.model, foreign), Error);
  EXPECT_TRUE(equal(weights_of(tiny.model), policy));
}

}  // namespace
}  // namespace slipway
