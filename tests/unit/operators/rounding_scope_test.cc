// A layer's products inside a ProductRoundingScope, by every kernel, against LibTorch's in float64
// of the rounded operands.
#include "kernels/cpu/product_bf16.h"

#include <gtest/gtest.h>

#include "compute/measure.h"
#include "compute/torch.h"
#include "operators/rounding_scope.h"
#include "operators/linear.h"
#include "operators/packed_weights.h"
#include "tests/unit/kernels/cpu/emulated_bf16.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

struct Case {
  int64_t rows, k;
  std::vector<int64_t> n;
};

at::Tensor rounded(const at::Tensor& t) { return t.to(at::kBFloat16).to(at::kDouble); }

// Random operands of one layer, and its three products.
struct Layer {
  explicit Layer(const Case& c) : k(c.k), rows(c.rows) {
    at::manual_seed(c.rows + c.k);
    for (const int64_t n : c.n) columns += n;
    x = at::randn({rows, k}), w = at::randn({columns, k}) / std::sqrt(static_cast<double>(k)),
    dy = at::randn({rows, columns}) / std::sqrt(static_cast<double>(columns));
    int64_t first = 0;
    for (const int64_t n : c.n)
      weights.push_back({w.const_data_ptr<float>() + first * k, n}), first += n;
  }
  void compute() {
    y = at::ones({rows, columns}), dx = at::empty({rows, k}), dw = at::ones({columns, k});
    forward_product(x.const_data_ptr<float>(), k, rows, k, weights, y.const_data_ptr<float>(),
                    y.data_ptr<float>(), columns);
    input_gradient(dy.const_data_ptr<float>(), columns, rows, weights, k, dx.data_ptr<float>(), k,
                   false);
    std::vector<WeightGradient> gradients;
    for (const Weight& weight : weights)
      gradients.push_back(
          {dw.data_ptr<float>() + (weight.w - w.const_data_ptr<float>()), weight.n});
    weight_gradients(dy.const_data_ptr<float>(), columns, x.const_data_ptr<float>(), k, rows, k,
                     gradients);
  }

  int64_t k, rows, columns = 0;
  at::Tensor x, w, dy, y, dx, dw;
  std::vector<Weight> weights;
};

double largest(const at::Tensor& difference) { return difference.abs().max().item<double>(); }

class ProductBf16 : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!use_bf16_kernel(GetParam())) GTEST_SKIP() << "skipped: no " << GetParam() << " here";
  }
  void TearDown() override { use_own_bf16_kernel(); }
};

TEST_P(ProductBf16, EqualsTheProductOfRoundedOperands) {
  double worst = 0, unlike_float32 = 0;
  for (const Case& c : {Case{1, 8, {5}}, Case{33, 64, {64, 32, 31}}, Case{130, 77, {70, 1, 33}},
                        Case{64, 32, {4200}}}) {
    Layer layer(c);
    {
      const ProductRoundingScope scope(Rounding::kBfloat16);
      layer.compute();
    }
    const at::Tensor x = rounded(layer.x), w = rounded(layer.w), dy = rounded(layer.dy);
    worst = largest_of(
        {worst, largest(layer.y - 1 - at::mm(x, w.t())), largest(layer.dx - at::mm(dy, w)),
         largest(layer.dw - 1 - at::mm(dy.t(), x)) / std::sqrt(static_cast<double>(c.rows))});
    unlike_float32 = std::max(unlike_float32, largest(layer.y - 1 - at::mm(layer.x, layer.w.t())));
  }
  std::printf("%s: largest difference %.3g, from float32 %.3g\n", GetParam(), worst,
              unlike_float32);
  EXPECT_LT(worst, 3e-5);
  EXPECT_GT(unlike_float32, 1e-3);  // it was rounded
}

TEST_P(ProductBf16, AnyNumberOfThreadsGivesTheSameBits) {
  Layer layer({70, 64, {300, 40}});
  const ProductRoundingScope scope(Rounding::kBfloat16);
  layer.compute();
  const at::Tensor y = layer.y, dx = layer.dx, dw = layer.dw;
  const ThreadCountScope one(1);
  layer.compute();
  EXPECT_TRUE(at::equal(y, layer.y) && at::equal(dx, layer.dx) && at::equal(dw, layer.dw));
}

// Weights that are packed as bfloat16 meet the same products, whatever the rows and their company.
TEST_P(ProductBf16, PackedWeightsGiveTheSameBitsInAnyCompany) {
  if (!gemm_bf16::fast()) GTEST_SKIP() << "skipped: packed weights are widened then";
  constexpr int64_t kK = 96;
  const at::Tensor x = at::randn({40, kK}), w = at::randn({70, kK}), v = at::randn({33, kK});
  const Weight weights[] = {{w.const_data_ptr<float>(), 70}, {v.const_data_ptr<float>(), 33}};
  at::Tensor y = at::empty({40, 103}), packed_y = at::empty({40, 103});
  {
    const ProductRoundingScope scope(Rounding::kBfloat16);
    forward_product(x.const_data_ptr<float>(), kK, 40, kK, weights, nullptr, y.data_ptr<float>(),
                    103);
  }
  std::vector<at::Tensor> memory;
  std::vector<PackedWeight> packed;
  for (const Weight& weight : weights) {
    memory.push_back(at::empty({packed_bytes(WeightStorage::kBfloat16, weight.n, kK)}, at::kByte));
    packed.push_back(pack_weight(WeightStorage::kBfloat16, weight, kK,
                                 static_cast<std::byte*>(memory.back().mutable_data_ptr())));
  }
  forward_product(x.const_data_ptr<float>(), kK, 40, kK, packed, nullptr,
                  packed_y.data_ptr<float>(), 103);
  EXPECT_TRUE(at::equal(y, packed_y));
  for (const int64_t row : {0, 17, 39}) {
    at::Tensor alone = at::empty({1, 103});
    forward_product(x.const_data_ptr<float>() + row * kK, kK, 1, kK, packed, nullptr,
                    alone.data_ptr<float>(), 103);
    EXPECT_TRUE(at::equal(alone[0], packed_y[row])) << row;
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, ProductBf16,
                         testing::Values("amx", "avx512_bf16", "emulated_amx",
                                         "emulated_avx512_bf16", "portable"),
                         [](const auto& set) { return std::string(set.param); });

TEST(ProductRoundingScope, EndsWhereItEnds) {
  Layer layer({20, 32, {16}});
  layer.compute();
  const at::Tensor before = layer.y;
  {
    const ProductRoundingScope outer(Rounding::kBfloat16);
    const ProductRoundingScope inner(Rounding::kNone);
    layer.compute();
    EXPECT_TRUE(at::equal(layer.y, before));
  }
  EXPECT_EQ(ProductRoundingScope::now(), Rounding::kNone);
  layer.compute();
  EXPECT_TRUE(at::equal(layer.y, before));
}

TEST(ProductRoundingScope, DecodingsPackedWeightsAreNotConcerned) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::randn({3, 32}), w = at::randn({16, 32});
  PackedWeights packed;
  packed.keep_those_in({w});
  packed.forget(WeightStorage::kFloat32);
  const PackedWeightsScope decoding(packed);
  const at::Tensor before = slipway::linear(x, w);
  const ProductRoundingScope scope(Rounding::kBfloat16);
  EXPECT_TRUE(at::equal(slipway::linear(x, w), before));
}

}  // namespace
}  // namespace slipway
