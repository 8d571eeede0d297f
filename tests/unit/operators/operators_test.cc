// The fused operators against compositions of LibTorch's own: values and gradients.
#include "operators/operators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/attention.h"
#include "operators/key_value_cache.h"
#include "operators/linear.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

double largest(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

at::Tensor leaf(at::IntArrayRef shape) { return at::randn(shape, at::kFloat).requires_grad_(true); }

// Both functions on equal inputs; prints and checks the largest difference of values and of every
// gradient.
template <class Ours, class Theirs>
void compare(const char* name, const std::vector<at::Tensor>& inputs, Ours ours, Theirs theirs,
             double tolerance) {
  std::vector<at::Tensor> a, b;
  for (const at::Tensor& input : inputs) {
    a.push_back(input.detach().clone().requires_grad_(true));
    b.push_back(input.detach().clone().requires_grad_(true));
  }
  const at::Tensor out_a = ours(a), out_b = theirs(b);
  double difference = largest(out_a.detach(), out_b.detach());
  const at::Tensor weights = at::randn(out_a.sizes(), at::kFloat);
  (out_a * weights).sum().backward();
  (out_b * weights).sum().backward();
  for (size_t i = 0; i < a.size(); ++i)
    difference = largest_of({difference, largest(a[i].grad(), b[i].grad())});
  std::printf("%s: largest difference %.3g\n", name, difference);
  EXPECT_LT(difference, tolerance) << name;
}

TEST(Operators, RmsNorm) {
  at::manual_seed(1);
  for (const int64_t width : {1, 7, 64, 577})
    compare(
        "rms_norm", {leaf({33, width}), leaf({width})},
        [](auto& x) { return rms_norm(x[0], x[1], 1e-5); },
        [](auto& x) { return x[0] * at::rsqrt(x[0].pow(2).mean(-1, true) + 1e-5) * x[1]; }, 2e-4);
}

TEST(Operators, SwiGlu) {
  at::manual_seed(2);
  compare(
      "swiglu", {leaf({19, 1001}), leaf({19, 1001})}, [](auto& x) { return swiglu(x[0], x[1]); },
      [](auto& x) { return at::silu(x[0]) * x[1]; }, 1e-5);
}

TEST(Operators, Rope) {
  at::manual_seed(3);
  const at::Tensor positions =
      at::tensor(std::vector<int64_t>{0, 1, 2, 3, 0, 1, 500, 8191}, at::kLong);
  compare(
      "rope", {leaf({8, 3, 64})}, [&](auto& x) { return rope(x[0], positions, 10000.0); },
      [&](auto& x) {
        // float32 throughout, as transformers computes it: at position 8191 the angles' rounding
        // shows in the fourth digit.
        const at::Tensor inverse =
            at::pow(at::scalar_tensor(10000.0f), at::arange(0, 64, 2, at::kFloat) / 64.0)
                .reciprocal();
        const at::Tensor angle = at::outer(positions.to(at::kFloat), inverse);
        const at::Tensor both = at::cat({angle, angle}, 1).unsqueeze(1);
        const at::Tensor c = both.cos(), s = both.sin();
        const at::Tensor turned = at::cat({-x[0].narrow(2, 32, 32), x[0].narrow(2, 0, 32)}, 2);
        return x[0] * c + turned * s;
      },
      2e-5);
}

TEST(Operators, TokenLogprobs) {
  at::manual_seed(4);
  const at::Tensor targets = at::randint(0, 4097, {21}, at::kLong);
  const at::Tensor logits = (at::randn({21, 4097}, at::kFloat) * 5).requires_grad_(true);
  for (const double smoothing : {0.0, 0.1, 1.0}) {
    logits.mutable_grad() = at::Tensor();
    at::Tensor grad = at::empty({21, 4097}, at::kFloat);
    const at::Tensor ours = token_logprobs(logits.detach(), targets, -0.25, &grad, smoothing);
    const at::Tensor every = at::log_softmax(logits, -1);
    const at::Tensor theirs = every.gather(1, targets.unsqueeze(1)).squeeze(1) * (1 - smoothing) +
                              every.mean(1) * smoothing;
    (theirs.sum() * -0.25).backward();
    const double difference =
        largest_of({largest(ours, theirs.detach()), largest(grad, logits.grad())});
    std::printf("token_logprobs, smoothing %.1f: largest difference %.3g\n", smoothing, difference);
    EXPECT_LT(difference, 2e-5);
    // without a gradient the same
    EXPECT_TRUE(at::equal(token_logprobs(logits.detach(), targets, 0, nullptr, smoothing), ours));
  }
}

TEST(Operators, LinearAddsIntoTheGradientBuffer) {
  at::manual_seed(5);
  const at::Tensor x = leaf({9, 40}), before = at::randn({17, 40}, at::kFloat);
  const at::Tensor w = leaf({17, 40}), w2 = w.detach().clone().requires_grad_(true),
                   x2 = x.detach().clone().requires_grad_(true);
  w.mutable_grad() = before.clone();
  const void* buffer = w.grad().const_data_ptr();
  slipway::linear(at::sin(slipway::linear(x, w)).narrow(1, 0, 9).contiguous(), at::eye(9))
      .sum()
      .backward();
  at::linear(at::sin(at::linear(x2, w2)).narrow(1, 0, 9).contiguous(), at::eye(9)).sum().backward();
  EXPECT_EQ(w.grad().const_data_ptr(), buffer);
  EXPECT_LT(largest(w.grad(), before + w2.grad()), 1e-5);
  EXPECT_LT(largest(x.grad(), x2.grad()), 1e-5);
}

TEST(Operators, Embedding) {
  at::manual_seed(6);
  const at::Tensor ids = at::tensor(std::vector<int64_t>{3, 0, 3, 6}, at::kLong);
  compare(
      "embedding", {leaf({7, 5})}, [&](auto& w) { return slipway::embedding(w[0], ids); },
      [&](auto& w) { return at::embedding(w[0], ids); }, 1e-6);
  const at::Tensor w = leaf({7, 5});
  w.mutable_grad() = at::ones({7, 5});
  slipway::embedding(w, ids).sum().backward();
  EXPECT_EQ(w.grad()[3][0].item<float>(), 3.0f);
  EXPECT_EQ(w.grad()[1][0].item<float>(), 1.0f);
  EXPECT_THROW(slipway::embedding(w, at::tensor(std::vector<int64_t>{7}, at::kLong)), Error);
  EXPECT_THROW(slipway::embedding(w, at::tensor(std::vector<int64_t>{-1}, at::kLong)), Error);
}

TEST(Operators, PackedAttention) {
  at::manual_seed(5);
  const std::vector<int32_t> cu_seqlens = {0, 1, 8, 8, 30};
  const AttentionContext context = AttentionContext::packed(cu_seqlens);
  const double scale = 0.25;
  compare(
      "attention (grouped, 4 sequences)", {leaf({30, 6, 16}), leaf({30, 2, 16}), leaf({30, 2, 16})},
      [&](auto& x) { return attention(x[0], x[1], x[2], scale, 0, context.handle()); },
      [&](auto& x) {
        const at::Tensor k = x[1].repeat_interleave(3, 1), v = x[2].repeat_interleave(3, 1);
        const at::Tensor scores = at::einsum("qhd,khd->hqk", {x[0], k}) * scale;
        at::Tensor allowed = at::zeros({30, 30}, at::kBool);
        for (size_t s = 0; s + 1 < cu_seqlens.size(); ++s)
          for (int q = cu_seqlens[s]; q < cu_seqlens[s + 1]; ++q)
            allowed[q].narrow(0, cu_seqlens[s], q - cu_seqlens[s] + 1).fill_(true);
        const at::Tensor p = at::softmax(scores.masked_fill(allowed.logical_not(), -INFINITY), -1);
        return at::einsum("hqk,khd->qhd", {p, v});
      },
      2e-5);
}

TEST(Operators, AttentionRefusesWhatDoesNotFit) {
  const AttentionContext context = AttentionContext::packed({0, 4}), empty;
  const at::Tensor q = at::zeros({5, 2, 8}), k = at::zeros({5, 1, 8});
  EXPECT_THROW(attention(q, k, k, 1.0, 0, context.handle()), Error);
  EXPECT_THROW(attention(q, k, k, 1.0, 0, 0), Error);
  EXPECT_THROW(attention(q, k, k, 1.0, 0, empty.handle()), Error);
  EXPECT_THROW(attention(q, at::zeros({5, 3, 8}), at::zeros({5, 3, 8}), 1.0, 0, context.handle()),
               Error);
}

TEST(Operators, RmsNormIsOverTheLastDimension) {
  at::manual_seed(8);
  const auto theirs = [](auto& x) {
    return x[0] * at::rsqrt(x[0].pow(2).mean(-1, true) + 1e-5) * x[1];
  };
  const auto ours = [](auto& x) { return rms_norm(x[0], x[1], 1e-5); };
  // Qwen3's norm of q and k
  compare("rms_norm of heads", {leaf({9, 4, 16}), leaf({16})}, ours, theirs, 1e-4);
  compare("rms_norm of one row", {leaf({16}), leaf({16})}, ours, theirs, 1e-4);
  compare(
      "rms_norm, gaps", {leaf({9, 16}), leaf({32})},
      [](auto& x) {
        return rms_norm(x[0].t().contiguous().t(), x[1].view({16, 2}).select(1, 0), 1e-5);
      },
      [&](auto& x) {
        return x[0] * at::rsqrt(x[0].pow(2).mean(-1, true) + 1e-5) *
               x[1].view({16, 2}).select(1, 0);
      },
      1e-4);
  EXPECT_EQ(rms_norm(at::zeros({0, 4, 16}), at::ones({16}), 1e-5).sizes(),
            (at::IntArrayRef{0, 4, 16}));
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Operators, WhatDoesNotFitIsRefusedByName) {
  const auto f = [](at::IntArrayRef shape) { return at::zeros(shape, at::kFloat); };
  const at::Tensor ids = int64_tensor({1, 2, 3});
  EXPECT_EQ(refusal([&] { rms_norm(f({3, 4}), f({5}), 1e-5); }),
            "slipway::rms_norm_v1: expects x [.., d] and weight [d], float32; was given float32 "
            "[3, 4], float32 [5]");
  EXPECT_EQ(refusal([&] { rms_norm(f({3, 4}), f({4}).to(at::kDouble), 1e-5); }),
            "slipway::rms_norm_v1: expects x [.., d] and weight [d], float32; was given float32 "
            "[3, 4], float64 [4]");
  EXPECT_THAT(refusal([&] { rms_norm(f({3, 4}), f({1, 4}), 1e-5); }),
              testing::HasSubstr("rms_norm_v1"));
  EXPECT_THAT(refusal([&] { swiglu(f({3, 4}), f({3, 5})); }),
              testing::HasSubstr("slipway::swiglu_v1: expects gate and up of one shape"));
  EXPECT_THAT(refusal([&] { swiglu(f({3, 4}), f({4})); }),
              testing::HasSubstr("slipway::swiglu_v1"));
  EXPECT_THAT(refusal([&] { swiglu(f({3, 4}).to(at::kHalf), f({3, 4}).to(at::kHalf)); }),
              testing::HasSubstr("was given float16 [3, 4], float16 [3, 4]"));
  EXPECT_THAT(refusal([&] { rope(f({3, 2, 5}), ids, 1e4); }),
              testing::HasSubstr("slipway::rope_v1: expects x [T, H, D]"));
  EXPECT_THAT(refusal([&] { rope(f({3, 2, 4}), ids.to(at::kInt), 1e4); }),
              testing::HasSubstr("int32 [3]"));
  EXPECT_THAT(refusal([&] { rope(f({3, 2, 4}), ids.narrow(0, 0, 2), 1e4); }),
              testing::HasSubstr("int64 [2]"));
  EXPECT_THAT(refusal([&] { slipway::linear(f({3, 4}), f({5, 6})); }),
              testing::HasSubstr("slipway::linear_v1: expects x [.., k] and weight [n, k]"));
  EXPECT_THAT(refusal([&] { slipway::linear(f({3, 4}), f({4})); }),
              testing::HasSubstr("slipway::linear_v1"));
  EXPECT_THAT(
      refusal([&] { slipway::embedding(f({7, 4}), ids.to(at::kInt)); }),
      testing::HasSubstr("slipway::embedding_v1: expects weight [V, d] float32 and ids [T] int64"));
  EXPECT_THAT(refusal([&] { slipway::embedding(f({7}), ids); }),
              testing::HasSubstr("slipway::embedding_v1"));
  const AttentionContext context = AttentionContext::packed({0, 3});
  EXPECT_THAT(
      refusal([&] { attention(f({3, 2, 4}), f({3, 1, 4}), f({3, 1, 6}), 1, 0, context.handle()); }),
      testing::HasSubstr("slipway::attention_v1: expects q [T, H, D]"));
  EXPECT_THAT(refusal([&] {
                attention(f({3, 2, 4}).to(at::kDouble), f({3, 1, 4}), f({3, 1, 4}), 1, 0,
                          context.handle());
              }),
              testing::HasSubstr("float64 [3, 2, 4]"));
  const auto cache = KeyValueCache::make({2, 1, 4}, {1, 3, 1, 1});
  AttentionContext cached = AttentionContext::packed({0, 3});
  cached.cache = cache.get();
  cached.regions = {0};
  for (const int64_t layer : {-1, 2})
    EXPECT_THAT(refusal([&] {
                  attention(f({3, 2, 4}), f({3, 1, 4}), f({3, 1, 4}), 1, layer, cached.handle());
                }),
                testing::HasSubstr("2 layers declared"));
  at::Tensor turned = at::zeros({4, 3}).t();
  EXPECT_THAT(refusal([&] { token_logprobs(f({3, 4}), int64_tensor({0, 1, 2}), 1, &turned); }),
              testing::HasSubstr("token_logprobs"));
}

// An embedding or a norm whose weight is a view with gaps: gradients go to the view's elements
// alone.
TEST(Operators, AnEmbeddingOfRowsWithGaps) {
  compare(
      "embedding, gaps", {leaf({4, 14})},
      [](auto& x) {
        return slipway::embedding(x[0].t().narrow(0, 3, 7), int64_tensor({3, 1, 3, 6}));
      },
      [](auto& x) { return x[0].t().narrow(0, 3, 7).index_select(0, int64_tensor({3, 1, 3, 6})); },
      1e-6);
}

TEST(Operators, OperandsThatChangedInPlaceAreAnErrorInTheBackwardPass) {
  const AttentionContext context = AttentionContext::packed({0, 5});
  const auto run = [&](int which) {
    at::Tensor q = leaf({5, 2, 8}) * 1, k = leaf({5, 1, 8}) * 1, v = leaf({5, 1, 8}) * 1;
    at::Tensor out = attention(q, k, v, 0.3, 0, context.handle());
    const at::Tensor loss = (out * 1).sum();
    at::Tensor* const all[] = {&q, &k, &v, &out};
    const at::NoGradGuard no_grad;
    if (which < 4) all[which]->mul_(2);
    loss.backward();
  };
  for (int which = 0; which < 4; ++which)
    EXPECT_THAT(
        refusal([&] { run(which); }),
        testing::HasSubstr("slipway::attention_v1: an operand or the result was changed in place"))
        << which;
  EXPECT_EQ(refusal([&] { run(4); }), "");
}

}  // namespace
}  // namespace slipway
