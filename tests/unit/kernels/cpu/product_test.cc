// Products of a layer against LibTorch's, at sizes that are cut into pieces, slices and groups.
#include "kernels/cpu/product.h"

#include <gtest/gtest.h>

#include "compute/torch.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

struct Case {
  int64_t rows, k;
  std::vector<int64_t> n;
};

void check(const Case& c) {
  at::manual_seed(c.rows + c.k);
  int64_t columns = 0;
  for (const int64_t n : c.n) columns += n;
  const at::Tensor x = at::randn({c.rows, c.k}),
                   w = at::randn({columns, c.k}) / std::sqrt(static_cast<double>(c.k)),
                   dy = at::randn({c.rows, columns}) / std::sqrt(static_cast<double>(columns));
  std::vector<Weight> weights;
  for (int64_t i = 0, first = 0; i < static_cast<int64_t>(c.n.size());
       first += c.n[static_cast<size_t>(i++)])
    weights.push_back({w.const_data_ptr<float>() + first * c.k, c.n[static_cast<size_t>(i)]});
  at::Tensor y = at::ones({c.rows, columns}), dx = at::empty({c.rows, c.k}),
             dw = at::ones({columns, c.k});
  forward_product(x.const_data_ptr<float>(), c.k, c.rows, c.k, weights, y.const_data_ptr<float>(),
                  y.data_ptr<float>(), columns);
  input_gradient(dy.const_data_ptr<float>(), columns, c.rows, weights, c.k, dx.data_ptr<float>(),
                 c.k, false);
  std::vector<WeightGradient> gradients;
  for (const Weight& weight : weights)
    gradients.push_back({dw.data_ptr<float>() + (weight.w - w.const_data_ptr<float>()), weight.n});
  weight_gradients(dy.const_data_ptr<float>(), columns, x.const_data_ptr<float>(), c.k, c.rows, c.k,
                   gradients);
  const double dw_scale = std::sqrt(static_cast<double>(c.rows));
  const double forward = (y - 1 - at::mm(x, w.t())).abs().max().item<double>(),
               input = (dx - at::mm(dy, w)).abs().max().item<double>(),
               weight = ((dw - 1 - at::mm(dy.t(), x)) / dw_scale).abs().max().item<double>();
  std::printf("rows %lld, k %lld, n %lld: largest differences %.3g %.3g %.3g\n",
              static_cast<long long>(c.rows), static_cast<long long>(c.k),
              static_cast<long long>(columns), forward, input, weight);
  EXPECT_LT(largest_of({forward, input, weight}), 3e-5);
}

TEST(Product, EqualsLibTorch) {
  check({1, 8, {5}});
  check({33, 64, {64, 32, 32}});
  check({130, 577, {70, 1, 33}});
  check({250, 96, {1536, 1536}});
  check({512, 576, {576, 192, 192}});
  check({256, 64, {64, 32, 32}});  // small weights and many rows: cut by rows
  check({300, 33, {40, 8}});
  check({300, 64, {9000}});                      // the head's way: groups, slices
  check({33, 64, {40, 16, 24, 8, 100, 3, 40}});  // as many weights as a plugin likes
}

TEST(Product, UnwantedGradientsAreLeftOut) {
  const at::Tensor x = at::ones({4, 3}), dy = at::ones({4, 4});
  at::Tensor dw = at::zeros({2, 3});
  const WeightGradient gradients[] = {{nullptr, 2}, {dw.data_ptr<float>(), 2}};
  weight_gradients(dy.const_data_ptr<float>(), 4, x.const_data_ptr<float>(), 3, 4, 3, gradients);
  EXPECT_TRUE(dw.eq(4).all().item<bool>());
}

TEST(Product, PackedWeightsAreAnyNumberToo) {
  const at::Tensor x = at::randn({5, 40}), w = at::randn({6 * 30, 40});
  at::Tensor y = at::empty({5, 6 * 30}),
             panels = at::empty({6, packed_bytes(WeightStorage::kFloat32, 30, 40) + 64}, at::kByte);
  std::vector<PackedWeight> weights;
  for (int64_t i = 0; i < 6; ++i) {
    auto at = reinterpret_cast<uintptr_t>(panels[i].data_ptr<uint8_t>());
    weights.push_back(pack_weight(WeightStorage::kFloat32,
                                  {w.const_data_ptr<float>() + i * 30 * 40, 30}, 40,
                                  reinterpret_cast<std::byte*>((at + 63) / 64 * 64)));
  }
  forward_product(x.const_data_ptr<float>(), 40, 5, 40, weights, nullptr, y.data_ptr<float>(),
                  6 * 30);
  EXPECT_LT((y - at::mm(x, w.t())).abs().max().item<double>(), 1e-4);
  const at::Tensor addend = at::randn({5, 6 * 30});
  forward_product(x.const_data_ptr<float>(), 40, 5, 40, weights, addend.const_data_ptr<float>(),
                  y.data_ptr<float>(), 6 * 30);
  EXPECT_LT((y - addend - at::mm(x, w.t())).abs().max().item<double>(), 1e-4);
}

}  // namespace
}  // namespace slipway
