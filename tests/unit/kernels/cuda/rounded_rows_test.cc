// Kernels that take or give bfloat16 on the emulator: what they compute is what the same kernels do
// in float32 with the values that are rounded, to the bit.
#include "compute/bfloat16.h"
#include "tests/unit/kernels/cuda/compare.h"

namespace slipway::cuda {
namespace {

using Rounded = std::vector<uint16_t>;

Rounded as_bfloat16(const std::vector<float>& values) {
  Rounded out;
  for (const float value : values) out.push_back(to_bfloat16(value));
  return out;
}
std::vector<float> widened(const Rounded& values) {
  std::vector<float> out;
  for (const uint16_t value : values) out.push_back(from_bfloat16(value));
  return out;
}

std::unique_ptr<DeviceKernels> rounding_kernels(ThreadOrder order = ThreadOrder::kAscending,
                                                const Card& card = kServerCard) {
  auto out = emulated_kernels(order, nullptr, card);
  out->round_products(Rounding::kBfloat16);
  return out;
}

TEST(CudaRounded, ValuesThereAndBack) {
  const auto kernels = rounding_kernels();
  EXPECT_TRUE(kernels->bfloat16_values());
  EXPECT_FALSE(emulated_kernels()->bfloat16_values());
  for (const int64_t count : {0, 1, 3, 4, 1029}) {
    const std::vector<float> x = random_values(count, 1);
    Rounded to(x.size(), 7);
    kernels->round_values(x.data(), count, to.data());
    EXPECT_EQ(to, as_bfloat16(x));
    std::vector<float> back(x.size());
    kernels->widen_values(to.data(), count, back.data());
    EXPECT_EQ(back, widened(to));
    // From a place that is no multiple of four values.
    if (count < 2) continue;
    kernels->round_values(x.data() + 1, count - 1, to.data());
    EXPECT_EQ(to[0], to_bfloat16(x[1]));
    EXPECT_EQ(to[static_cast<size_t>(count) - 2], to_bfloat16(x.back()));
  }
}

TEST(CudaRounded, Norms) {
  constexpr int64_t rows = 5, width = 300;
  const std::vector<float> x = random_values(rows * width, 2), w = random_values(width, 3);
  std::vector<float> moments(2 * rows), exact(x.size());
  Rounded ours(x.size());
  for (const NormKind kind : {NormKind::kRms, NormKind::kRmsPlusOne, NormKind::kLayer}) {
    const NormRule rule{kind, 1e-5f, w.data(), kind == NormKind::kLayer ? w.data() : nullptr};
    const auto norm = [&](Values y) {
      rounding_kernels()->norm(x.data(), rule, {rows, 1, width, width}, y,
                               {moments.data(), moments.data() + rows});
    };
    norm(exact.data()), norm(ours.data());
    EXPECT_EQ(ours, as_bfloat16(exact));
  }
}

// A multiple of four columns, and not; with a gate and biases, and without.
TEST(CudaRounded, Activations) {
  constexpr int64_t rows = 3;
  for (const int64_t width : {8, 1100, 13})
    for (const bool gated : {true, false}) {
      SCOPED_TRACE(testing::Message() << width << (gated ? " gated" : ""));
      const int64_t row = gated ? 2 * width : width;
      const Rounded columns = as_bfloat16(random_values(rows * row, 4));
      const std::vector<float> wide = widened(columns), bias = random_values(width, 5),
                               grad = random_values(rows * width, 6);
      const auto in = [&](ConstValues from) {
        return GatedRows{gated ? from : ConstValues(nullptr),
                         gated ? from + width : from,
                         gated ? bias.data() : nullptr,
                         bias.data(),
                         rows,
                         width,
                         row,
                         Activation::kSilu};
      };
      std::vector<float> exact(static_cast<size_t>(rows * width)), d(wide.size()), again = exact;
      Rounded ours(exact.size()), d_ours(wide.size()), again_ours(exact.size());
      const auto kernels = rounding_kernels(ThreadOrder::kDescending);
      kernels->gated(in(wide.data()), exact.data());
      kernels->gated(in(columns.data()), ours.data());
      EXPECT_EQ(ours, as_bfloat16(exact));
      const auto backward = [&](ConstValues from, Values to, Values out) {
        kernels->gated_backward(grad.data(), in(from), gated ? to : Values(nullptr),
                                gated ? to + width : to, out);
      };
      backward(wide.data(), d.data(), again.data());
      backward(columns.data(), d_ours.data(), again_ours.data());
      EXPECT_EQ(d_ours, as_bfloat16(d));
      EXPECT_EQ(again_ours, as_bfloat16(again));
    }
}

TEST(CudaRounded, SumsOfColumns) {
  constexpr int64_t rows = 70, width = 20, row = 24;
  const Rounded dy = as_bfloat16(random_values(rows * row, 7));
  const std::vector<float> wide = widened(dy);
  std::vector<float> partial(256 * width), ours(width, 0.5f), exact(width, 0.5f);
  rounding_kernels()->bias_gradient(dy.data(), row, rows, width, partial.data(), ours.data());
  emulated_kernels()->bias_gradient(wide.data(), row, rows, width, partial.data(), exact.data());
  EXPECT_EQ(ours, exact);
}

// Two weights that meet the same input: all in one piece, and in pieces of 64 columns, the fewest
// that a card may have room for.
TEST(CudaRounded, Products) {
  constexpr int64_t rows = 9, first = 100, second = 70, n = first + second, k = 12, x_row = 16,
                    y_row = 180;
  const std::vector<float> x = random_values(rows * x_row, 13), w = random_values(n * k, 14),
                           y = random_values(rows * y_row, 15);
  const std::vector<float> x_rounded = widened(as_bfloat16(x)), w_rounded = widened(as_bfloat16(w)),
                           y_rounded = widened(as_bfloat16(y));
  const Card narrow{
      .shared_bytes = kServerCard.shared_bytes, .multiprocessors = 1, .room_values = 1};
  for (const Card& card : {kServerCard, narrow}) {
    const auto kernels = rounding_kernels(ThreadOrder::kAscending, card),
               plain = emulated_kernels();
    const auto weights = [&](const std::vector<float>& from) {
      return std::vector<Weight>{{from.data(), first}, {from.data() + first * k, second}};
    };
    std::vector<float> ours = y, theirs = y;
    kernels->forward_product(x.data(), x_row, rows, k, weights(w), ours.data(), ours.data(), y_row);
    plain->forward_product(x_rounded.data(), x_row, rows, k, weights(w_rounded), theirs.data(),
                           theirs.data(), y_row);
    EXPECT_EQ(ours, theirs);
    const Rounded x_values = as_bfloat16(x);
    Rounded to(y.size());
    kernels->forward_product(x_values.data(), x_row, rows, k, weights(w), nullptr, to.data(),
                             y_row);
    std::vector<float> exact(y.size());
    plain->forward_product(x_rounded.data(), x_row, rows, k, weights(w_rounded), nullptr,
                           exact.data(), y_row);
    EXPECT_EQ(to, as_bfloat16(exact));

    const Rounded dy = as_bfloat16(y);
    for (const ConstValues gradient : {ConstValues(y.data()), ConstValues(dy.data())}) {
      for (const bool add : {false, true}) {
        std::vector<float> dx = x, expected = x;
        kernels->input_gradient(gradient, y_row, rows, weights(w), k, dx.data(), x_row, add);
        plain->input_gradient(y_rounded.data(), y_row, rows, weights(w_rounded), k, expected.data(),
                              x_row, add);
        expect_near("input gradient", dx, expected, 1e-6f);  // pieces are added in float32
      }
      for (const ConstValues from : {ConstValues(x.data()), ConstValues(x_values.data())}) {
        std::vector<float> dw = w, expected = w;
        const auto gradients = [&](std::vector<float>& of) {
          return std::vector<WeightGradient>{{nullptr, first}, {of.data() + first * k, second}};
        };
        kernels->weight_gradients(gradient, y_row, from, x_row, rows, k, gradients(dw));
        plain->weight_gradients(y_rounded.data(), y_row, x_rounded.data(), x_row, rows, k,
                                gradients(expected));
        EXPECT_EQ(dw, expected);
      }
    }
  }
}

}  // namespace
}  // namespace slipway::cuda
