// A layer's products of operands that are rounded to float16, against LibTorch's in float64 of the
// rounded operands.
#include "kernels/cpu/product_fp16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "compute/measure.h"
#include "compute/torch.h"
#include "kernels/cpu/product_rounding.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

struct Fp16Layer {
  Fp16Layer(int64_t row_count, int64_t inputs, std::vector<int64_t> outputs)
      : rows(row_count), k(inputs), n(std::move(outputs)) {
    at::manual_seed(rows + k);
    for (const int64_t each : n) columns += each;
    x = at::randn({rows, k}), w = at::randn({columns, k}) / std::sqrt(static_cast<double>(k)),
    dy = at::randn({rows, columns}) / std::sqrt(static_cast<double>(columns));
  }
  void compute() {
    product_rounding = Rounding::kFloat16;
    std::vector<Weight> weights;
    std::vector<WeightGradient> gradients;
    y = at::ones({rows, columns}), dx = at::empty({rows, k}), dw = at::ones({columns, k});
    int64_t first = 0;
    for (const int64_t each : n) {
      weights.push_back({w.const_data_ptr<float>() + first * k, each});
      gradients.push_back({dw.data_ptr<float>() + first * k, each});
      first += each;
    }
    forward_product(x.const_data_ptr<float>(), k, rows, k, weights, y.const_data_ptr<float>(),
                    y.data_ptr<float>(), columns);
    input_gradient(dy.const_data_ptr<float>(), columns, rows, weights, k, dx.data_ptr<float>(), k,
                   false);
    weight_gradients(dy.const_data_ptr<float>(), columns, x.const_data_ptr<float>(), k, rows, k,
                     gradients);
    EXPECT_EQ(product_rounding, Rounding::kFloat16);
    product_rounding = Rounding::kNone;
  }

  int64_t rows, k, columns = 0;
  std::vector<int64_t> n;
  at::Tensor x, w, dy, y, dx, dw;
};

at::Tensor as_float16(const at::Tensor& t) { return t.to(at::kHalf).to(at::kDouble); }
double most(const at::Tensor& difference) { return difference.abs().max().item<double>(); }

// The last has more outputs than are rounded at a time.
TEST(ProductFp16, EqualsTheProductOfRoundedOperands) {
  double worst = 0, unlike_float32 = 0;
  for (Fp16Layer layer : {Fp16Layer(1, 8, {5}), Fp16Layer(33, 64, {64, 32, 31}),
                          Fp16Layer(130, 77, {70, 1, 33}), Fp16Layer(40, 32, {4100, 50})}) {
    layer.compute();
    const at::Tensor x = as_float16(layer.x), w = as_float16(layer.w), dy = as_float16(layer.dy);
    worst = largest_of(
        {worst, most(layer.y - 1 - at::mm(x, w.t())), most(layer.dx - at::mm(dy, w)),
         most(layer.dw - 1 - at::mm(dy.t(), x)) / std::sqrt(static_cast<double>(layer.rows))});
    unlike_float32 = std::max(unlike_float32, most(layer.y - 1 - at::mm(layer.x, layer.w.t())));
  }
  std::printf("largest difference %.3g, from float32 %.3g\n", worst, unlike_float32);
  EXPECT_LT(worst, 3e-6);
  EXPECT_GT(unlike_float32, 1e-4);  // it was rounded
}

TEST(ProductFp16, AnyNumberOfThreadsGivesTheSameBits) {
  Fp16Layer layer(70, 64, {300, 40});
  layer.compute();
  const at::Tensor y = layer.y, dx = layer.dx, dw = layer.dw;
  const ThreadCountScope one(1);
  layer.compute();
  EXPECT_TRUE(at::equal(y, layer.y) && at::equal(dx, layer.dx) && at::equal(dw, layer.dw));
}

TEST(ProductFp16, WhatFloat16CannotHoldIsInfinite) {
  Fp16Layer layer(3, 16, {4});
  layer.dy.index_put_({1, 2}, 65519.0f);
  layer.compute();
  EXPECT_TRUE(at::isfinite(layer.dx).all().item<bool>());
  layer.dy.index_put_({1, 2}, 65520.0f);
  layer.compute();
  EXPECT_FALSE(at::isfinite(layer.dx).all().item<bool>());
  EXPECT_FALSE(at::isfinite(layer.dw).all().item<bool>());
  EXPECT_TRUE(at::isfinite(layer.y).all().item<bool>());
}

}  // namespace
}  // namespace slipway
