// The steps that families other than Llama's call by themselves, against LibTorch's: values and
// every gradient.
#include <gmock/gmock.h>

#include "base/error.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/attention.h"
#include "operators/linear.h"
#include "operators/operators.h"
#include "tests/unit/operators/plain_blocks.h"

namespace slipway {
namespace {

using Weights = std::vector<at::Tensor>;

template <class Ours, class Theirs>
void expect_equal(const char* name, const at::Tensor& x, const Weights& w, Ours ours,
                  Theirs theirs) {
  const double difference = plain::largest_difference(x, w, ours, theirs);
  std::printf("%s: largest difference %.3g\n", name, difference);
  EXPECT_LT(difference, 2e-6) << name;
}

TEST(RowOperators, Norms) {
  at::manual_seed(1);
  for (const NormKind kind : {NormKind::kRms, NormKind::kRmsPlusOne, NormKind::kLayer})
    expect_equal(
        "norm of heads", at::randn({9, 3, 20}), {at::randn({20})},
        [&](auto& x, auto& w) { return norm(x, w[0], {}, kind, 1e-5); },
        [&](auto& x, auto& w) { return plain::plain_norm(x, w[0], {}, kind, 1e-5); });
  expect_equal(
      "layer norm", at::randn({33, 70}), {at::randn({70}), at::randn({70})},
      [](auto& x, auto& w) { return norm(x, w[0], w[1], NormKind::kLayer, 1e-5); },
      [](auto& x, auto& w) { return plain::plain_norm(x, w[0], w[1], NormKind::kLayer, 1e-5); });
}

TEST(RowOperators, PartsOfHeadsRotate) {
  at::manual_seed(2);
  AttentionBlock rule;
  rule.inverse_frequencies = plain::frequencies(3), rule.rotary_scale = 1.3;
  const at::Tensor positions = at::arange(8) * 7;
  expect_equal(
      "rope of 6 of 10", at::randn({8, 3, 10}), {},
      [&](auto& x, auto&) { return rope(x, positions, rule.inverse_frequencies, 1.3); },
      [&](auto& x, auto&) { return plain::turn(x, positions, rule); });
}

TEST(RowOperators, Activations) {
  at::manual_seed(3);
  const auto act = [](Activation activation, const at::Tensor& x) {
    return activation == Activation::kSilu       ? at::silu(x)
           : activation == Activation::kGelu     ? at::gelu(x)
           : activation == Activation::kGeluTanh ? at::gelu(x, "tanh")
                                                 : at::relu(x);
  };
  for (const Activation activation :
       {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh, Activation::kRelu}) {
    expect_equal(
        "gated activation", at::randn({19, 101}), {at::randn({19, 101})},
        [&](auto& x, auto& w) { return gated(x, w[0], activation); },
        [&](auto& x, auto& w) { return act(activation, x) * w[0]; });
    expect_equal(
        "activation", at::randn({19, 101}), {},
        [&](auto& x, auto&) { return gated({}, x, activation); },
        [&](auto& x, auto&) { return act(activation, x); });
  }
}

TEST(RowOperators, SingleValues) {
  at::manual_seed(4);
  const at::Tensor x = at::randn({9, 70}) * 5;
  expect_equal(
      "scaled", x, {}, [](auto& a, auto&) { return scaled(a, 0.3); },
      [](auto& a, auto&) { return a * 0.3; });
  expect_equal(
      "softcap", x, {}, [](auto& a, auto&) { return slipway::softcap(a, 3); },
      [](auto& a, auto&) { return at::tanh(a / 3) * 3; });
  expect_equal(
      "sum", x, {at::randn({9, 70})}, [](auto& a, auto& w) { return slipway::add(a, w[0]); },
      [](auto& a, auto& w) { return a + w[0]; });
  expect_equal(
      "linear with a bias", x, {at::randn({20, 70}), at::randn({20})},
      [](auto& a, auto& w) { return slipway::linear(a, w[0], w[1]); },
      [](auto& a, auto& w) { return at::linear(a, w[0], w[1]); });
}

TEST(RowOperators, AttentionWithAWindowAndASoftcap) {
  at::manual_seed(5);
  const AttentionContext context = AttentionContext::packed({0, 70});
  const at::Tensor back = at::arange(70).unsqueeze(1) - at::arange(70).unsqueeze(0),
                   hidden = back.lt(0).logical_or(back.ge(9));
  expect_equal(
      "attention", at::randn({70, 4, 12}), {at::randn({70, 2, 12}), at::randn({70, 2, 12})},
      [&](auto& q, auto& w) { return attention(q, w[0], w[1], 0.4, 1.5, 9, 0, context.handle()); },
      [&](auto& q, auto& w) {
        const at::Tensor s = at::einsum("qhd,khd->hqk", {q, w[0].repeat_interleave(2, 1)}) * 0.4;
        const at::Tensor p =
            at::softmax((at::tanh(s / 1.5) * 1.5).masked_fill(hidden, -INFINITY), -1);
        return at::einsum("hqk,khd->qhd", {p, w[1].repeat_interleave(2, 1)});
      });
}

TEST(RowOperators, WhatDoesNotFitIsRefusedByName) {
  const auto refused = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  const at::Tensor x = at::ones({3, 4}), w = at::ones({4}), heads = at::ones({3, 2, 4}),
                   positions = at::arange(3);
  EXPECT_THAT(refused([&] { norm(x, w, w, NormKind::kRms, 1e-5); }),
              testing::HasSubstr("slipway::norm_v2: bias was given"));
  EXPECT_THAT(refused([&] { norm(x, w, at::ones({3}), NormKind::kLayer, 1e-5); }),
              testing::HasSubstr("slipway::norm_v2: bias must be float32 [4]"));
  EXPECT_THAT(refused([&] { rope(heads, positions, at::ones({3}), 1.0); }),
              testing::HasSubstr("slipway::rope_v2"));
  EXPECT_THAT(refused([&] { gated(x, at::ones({3, 5}), Activation::kRelu); }),
              testing::HasSubstr("slipway::gated_v1"));
  EXPECT_THAT(refused([&] { slipway::softcap(x, 0); }), testing::HasSubstr("slipway::softcap_v1"));
  EXPECT_THAT(refused([&] { slipway::add(x, w); }), testing::HasSubstr("slipway::add_v1"));
  EXPECT_THAT(refused([&] { slipway::linear(x, at::ones({5, 4}), w); }),
              testing::HasSubstr("slipway::linear_v2"));
}

}  // namespace
}  // namespace slipway
