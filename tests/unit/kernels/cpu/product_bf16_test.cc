// A layer's products of operands that are rounded to bfloat16: against LibTorch's in float64 of the
// rounded operands, and with any number of threads, however products are cut.
#include "kernels/cpu/product_bf16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "compute/measure.h"
#include "compute/torch.h"

namespace slipway {
namespace {

struct Bf16Layer {
  Bf16Layer(int64_t row_count, int64_t inputs, std::vector<int64_t> outputs)
      : rows(row_count), k(inputs), n(std::move(outputs)) {
    at::manual_seed(rows + k);
    for (const int64_t each : n) columns += each;
    x = at::randn({rows, k}), w = at::randn({columns, k}) / std::sqrt(static_cast<double>(k)),
    dy = at::randn({rows, columns}) / std::sqrt(static_cast<double>(columns));
  }
  // The gradient of the weight at `unwanted` is left out.
  void compute(size_t unwanted = 1000) {
    std::vector<Weight> weights;
    std::vector<WeightGradient> gradients;
    y = at::empty({rows, columns}), dx = at::ones({rows, k}), dw = at::ones({columns, k});
    int64_t first = 0;
    for (const int64_t each : n) {
      weights.push_back({w.const_data_ptr<float>() + first * k, each});
      gradients.push_back(
          {gradients.size() == unwanted ? nullptr : dw.data_ptr<float>() + first * k, each});
      first += each;
    }
    const float *const in = x.const_data_ptr<float>(), *const d = dy.const_data_ptr<float>();
    product_bf16::forward_product(in, k, rows, k, weights, y.data_ptr<float>(), columns, false);
    product_bf16::input_gradient(d, columns, rows, weights, k, dx.data_ptr<float>(), k, true);
    product_bf16::weight_gradients(d, columns, in, k, rows, k, gradients);
  }
  static at::Tensor rounded(const at::Tensor& t) { return t.to(at::kBFloat16).to(at::kDouble); }
  double difference() const {
    const at::Tensor x64 = rounded(x), w64 = rounded(w), dy64 = rounded(dy);
    const auto largest = [](const at::Tensor& a) { return a.abs().max().item<double>(); };
    return std::max({largest(y - at::mm(x64, w64.t())), largest(dx - 1 - at::mm(dy64, w64)),
                     largest(dw - 1 - at::mm(dy64.t(), x64)) / std::sqrt(double(rows))});
  }

  int64_t rows, k, columns = 0;
  std::vector<int64_t> n;
  at::Tensor x, w, dy, y, dx, dw;
};

// Cut by rows where weights are small and rows many, else by columns; slices of a long weight.
const std::vector<std::tuple<int64_t, int64_t, std::vector<int64_t>>> kLayers = {
    {256, 64, {64, 32, 32}}, {248, 64, {256}},        {256, 128, {64}},  {70, 33, {40, 8, 100}},
    {300, 96, {128, 128}},   {130, 577, {70, 1, 33}}, {40, 64, {9000}},  {5, 40, {30}},
    {300, 576, {8}},         {256, 8, {576, 192}},    {129, 24, {5000}},
};

TEST(ProductBf16, EqualsLibTorchOnRoundedOperands) {
  for (const auto& [rows, k, n] : kLayers) {
    Bf16Layer layer(rows, k, n);
    layer.compute();
    const double difference = layer.difference();
    std::printf("rows %lld, k %lld, n %lld: largest difference %.3g\n",
                static_cast<long long>(rows), static_cast<long long>(k),
                static_cast<long long>(layer.columns), difference);
    EXPECT_LT(difference, 3e-5);
  }
}

TEST(ProductBf16, UnwantedGradientsAreLeftOut) {
  Bf16Layer layer(256, 64, {64, 32, 32});
  layer.compute();
  const at::Tensor all = layer.dw;
  layer.compute(1);
  EXPECT_TRUE(layer.dw.narrow(0, 64, 32).eq(1).all().item<bool>());
  EXPECT_TRUE(layer.dw.narrow(0, 0, 64).equal(all.narrow(0, 0, 64)));
  EXPECT_TRUE(layer.dw.narrow(0, 96, 32).equal(all.narrow(0, 96, 32)));
}

// In processes of their own: the team is made once, by the first who needs it.
TEST(ProductBf16DeathTest, AnyNumberOfThreadsGivesTheSameBits) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const int many : {2, 3, 16}) {
    const auto same = [&] {
      for (const auto& [rows, k, n] : kLayers) {
        Bf16Layer layer(rows, k, n);
        const ThreadCountScope threads(many);
        layer.compute();
        const at::Tensor y = layer.y, dx = layer.dx, dw = layer.dw;
        const ThreadCountScope one(1);
        layer.compute();
        if (!y.equal(layer.y) || !dx.equal(layer.dx) || !dw.equal(layer.dw)) return 2;
      }
      std::fputs("the same bits\n", stderr);
      return 0;
    };
    EXPECT_EXIT(std::_Exit(same()), testing::ExitedWithCode(0), "the same bits") << many;
  }
}

}  // namespace
}  // namespace slipway
