// Adapters inside products: beside their formula in LibTorch, forward and backward.
#include "operators/adapters.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "base/error.h"
#include "operators/blocks.h"
#include "operators/linear.h"
#include "operators/packed_weights.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

at::Tensor leaf(std::initializer_list<int64_t> shape, bool trained) {
  at::Tensor out = at::randn(shape) * 0.3;
  out.requires_grad_(trained);
  if (trained) out.mutable_grad() = at::zeros_like(out);  // room, as the flat parameters have it
  return out;
}

at::Tensor input(std::initializer_list<int64_t> shape) {
  return at::randn(shape).requires_grad_(true);
}

Adapter adapter(int64_t n, int64_t k, int64_t r, double scale = 0.7) {
  return {leaf({r, k}, true), leaf({n, r}, true), scale};
}

// What a model without the host's help would compute with.
at::Tensor merged(const at::Tensor& w, const Adapter& a) {
  return w + a.scale * a.b_NR.matmul(a.a_RK);
}

double largest(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

struct Gradients {
  std::vector<at::Tensor> of;
};
Gradients take(std::initializer_list<const at::Tensor*> leaves) {
  Gradients out;
  for (const at::Tensor* each : leaves) {
    out.of.push_back(each->grad().clone());
    each->mutable_grad().zero_();
  }
  return out;
}

TEST(Adapters, AProductAddsThemAndGivesTheirGradients) {
  const at::Tensor w = leaf({6, 10}, false), x = input({7, 10}), dy = at::randn({7, 6});
  const Adapter a = adapter(6, 10, 3);
  Adapters all;
  all.add(w, a);
  at::Tensor y;
  {
    const AdaptersScope scope(&all);
    y = slipway::linear(x, w);
  }
  y.backward(dy);  // outside the scope: the node knows
  const Gradients ours = take({&x, &a.a_RK, &a.b_NR});
  const at::Tensor expected = at::linear(x, merged(w, a));
  expected.backward(dy);
  const Gradients theirs = take({&x, &a.a_RK, &a.b_NR});
  double difference = largest(y, expected);
  for (size_t i = 0; i < ours.of.size(); ++i)
    difference = largest_of({difference, largest(ours.of[i], theirs.of[i])});
  std::printf("largest difference to W + scale B A: %.3g\n", difference);
  EXPECT_LT(difference, 1e-5);
  EXPECT_LT(largest(slipway::linear(x, w), at::linear(x, w)), 1e-5) << "outside the scope";
}

TEST(Adapters, AreRecordedWhereNothingElseIs) {
  const at::Tensor w = leaf({6, 10}, false), x = leaf({7, 10}, false);
  Adapters all;
  all.add(w, adapter(6, 10, 2));
  const AdaptersScope scope(&all);
  EXPECT_TRUE(slipway::linear(x, w).requires_grad());
  const at::NoGradGuard no_grad;
  EXPECT_FALSE(slipway::linear(x, w).requires_grad());
}

TEST(Adapters, OfABlockAreThoseOfItsWeights) {
  const SwiGluWeights w{at::ones({10}), leaf({12, 10}, false), leaf({12, 10}, false),
                        leaf({10, 12}, false)};
  const at::Tensor x = input({9, 10}), dy = at::randn({9, 10});
  const Adapter gate = adapter(12, 10, 3), up = adapter(12, 10, 2), down = adapter(10, 12, 4);
  Adapters all;
  all.add(w.gate, gate), all.add(w.up, up), all.add(w.down, down);
  at::Tensor y;
  {
    const AdaptersScope scope(&all);
    y = swiglu_block(x, w, 1e-5);
  }
  y.backward(dy);
  const std::initializer_list<const at::Tensor*> leaves{&x,       &gate.a_RK, &gate.b_NR, &up.a_RK,
                                                        &up.b_NR, &down.a_RK, &down.b_NR};
  const Gradients ours = take(leaves);
  const at::Tensor h = x * at::rsqrt((x * x).mean(1, true) + 1e-5),
                   expected = x + at::linear(at::silu(at::linear(h, merged(w.gate, gate))) *
                                                 at::linear(h, merged(w.up, up)),
                                             merged(w.down, down));
  expected.backward(dy);
  const Gradients theirs = take(leaves);
  double difference = largest(y, expected);
  for (size_t i = 0; i < ours.of.size(); ++i)
    difference = largest_of({difference, largest(ours.of[i], theirs.of[i])});
  std::printf("largest difference to merged weights: %.3g\n", difference);
  EXPECT_LT(difference, 1e-5);
}

TEST(Adapters, DropoutLeavesOutAShareAndTheGradientFollows) {
  const at::Tensor w = at::zeros({8, 400}), x = at::ones({50, 400});
  Adapter a{at::zeros({1, 400}), at::ones({8, 1}), 1.0, 0.25, 3};
  a.a_RK.fill_(1.0);
  a.a_RK.requires_grad_(true), a.a_RK.mutable_grad() = at::zeros({1, 400});
  Adapters all;
  all.add(w, a);
  const auto compute = [&](const at::Tensor& in, uint64_t seed) {
    const AdaptersScope scope(&all, true, seed);
    return slipway::linear(in, w);
  };
  const at::Tensor y = compute(x, 5);
  EXPECT_NEAR(y.mean().item<double>(), 400, 4) << "what is left grows to make up";
  EXPECT_GT(y.std().item<double>(), 5) << "some more, some less";
  EXPECT_EQ(largest(y, compute(x, 5)), 0);
  EXPECT_GT(largest(y, compute(x, 6)), 0);
  // linear in x: the gradient says by how much y changes, exactly
  const at::Tensor in = input({50, 400}), dy = at::randn({50, 8}), step = at::randn({50, 400});
  compute(in, 5).backward(dy);
  const at::NoGradGuard no_grad;
  const double change = ((compute(in + step, 5) - compute(in, 5)) * dy).sum().item<double>(),
               told = (in.grad() * step).sum().item<double>();
  EXPECT_NEAR(told / change, 1, 1e-4);
  const AdaptersScope evaluation(&all);  // no dropout
  EXPECT_NEAR(slipway::linear(x, w).std().item<double>(), 0, 1e-5);
}

TEST(Adapters, ArePackedWithTheirWeight) {
  const at::Tensor buffer = at::randn({6 * 10}), w = buffer.view({6, 10}), x = at::randn({4, 10});
  const Adapter a = adapter(6, 10, 3);
  Adapters all;
  all.add(w, a);
  PackedWeights packed;
  packed.keep_those_in({buffer});
  const at::NoGradGuard no_grad;
  const AdaptersScope scope(&all);
  const at::Tensor beside = slipway::linear(x, w);
  packed.forget(WeightStorage::kFloat32);
  const PackedWeightsScope in(packed);
  EXPECT_LT(largest(slipway::linear(x, w), beside), 1e-5);
}

TEST(Adapters, ThatNoProductTakesAreKnown) {
  const at::Tensor w = leaf({6, 10}, false), turned = leaf({6, 6}, false), x = input({7, 10});
  Adapters all;
  all.add(w, adapter(6, 10, 2)), all.add(turned, adapter(6, 6, 2));
  const AdaptersScope scope(&all);
  slipway::linear(slipway::linear(x, w), turned.t().contiguous());
  EXPECT_EQ(all.unused(), std::vector<const void*>{turned.const_data_ptr()});
}

TEST(Adapters, ThatDoNotFitAreRefused) {
  Adapters all;
  EXPECT_THROW(all.add(at::zeros({6, 10}), adapter(6, 9, 3)), Error);
  EXPECT_THROW(all.add(at::zeros({6, 10}), adapter(5, 10, 3)), Error);
}

}  // namespace
}  // namespace slipway
