// The row kernels and the products' plans on the emulator, against the host's operators.
#include "kernels/cpu/row_kernels.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/operators.h"
#include "kernels/cpu/cpu_kernels.h"
#include "operators/rotary.h"
#include "kernels/cpu/rows.h"
#include "tests/unit/kernels/cuda/compare.h"

namespace slipway::cuda {
namespace {

constexpr int64_t kRows = 37, kWidth = 300;  // several parts; wider than a block of threads

TEST(CudaRows, Embedding) {
  const std::vector<float> w = random_values(11 * kWidth, 1), dy = random_values(kRows * kWidth, 2);
  std::vector<int64_t> ids;
  for (int64_t t = 0; t < kRows; ++t) ids.push_back(t * 7 % 5 + (t == 3 ? 6 : 0));
  const auto out = in_both_orders([&](DeviceKernels& k) {
    std::vector<float> y(kRows * kWidth);
    k.embedding(w.data(), 11, ids.data(), kRows, kWidth, y.data());
    return y;
  });
  const auto gradient = in_both_orders([&](DeviceKernels& k) {
    std::vector<float> dw(11 * kWidth, 0.5f);
    k.embedding_backward(dy.data(), ids.data(), kRows, 11, kWidth, dw.data());
    return dw;
  });
  std::vector<float> expected(11 * kWidth, 0.5f);
  for (int64_t t = 0; t < kRows; ++t)
    for (int64_t i = 0; i < kWidth; ++i) {
      EXPECT_EQ(out[static_cast<size_t>(t * kWidth + i)],
                w[static_cast<size_t>(ids[static_cast<size_t>(t)] * kWidth + i)]);
      expected[static_cast<size_t>(ids[static_cast<size_t>(t)] * kWidth + i)] +=
          dy[static_cast<size_t>(t * kWidth + i)];
    }
  EXPECT_EQ(gradient, expected);  // the same order of additions: equal to the bit
}

// More tokens than a block has threads, some of them without the id between two that have it.
TEST(CudaRows, EqualIdsFarApartAreAdded) {
  constexpr int64_t tokens = 700;
  std::vector<int64_t> ids(tokens, 1);
  ids[3] = ids[690] = 0;
  const std::vector<float> dy(tokens, 1.0f);
  const auto dw = in_both_orders([&](DeviceKernels& k) {
    std::vector<float> sums(2);
    k.embedding_backward(dy.data(), ids.data(), tokens, 2, 1, sums.data());
    return sums;
  });
  EXPECT_EQ(dw, (std::vector<float>{2, tokens - 2}));
}

TEST(CudaRows, AnIdOutsideTheVocabularyGivesNoNumber) {
  const std::vector<float> w(8, 1.0f);
  const std::vector<int64_t> ids = {-1, 4, 3};
  std::vector<float> y(6);
  emulated_kernels()->embedding(w.data(), 4, ids.data(), 3, 2, y.data());
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(y[2]) && std::isnan(y[3]));
  EXPECT_EQ(y[4], 1.0f);
}

// Ids are checked before they come here (text/token_check.h). One that comes all the same must not
// reach memory of others.
TEST(CudaRows, AnIdOutsideTheVocabularyTouchesNothing) {
  std::vector<float> memory(6 * 2, 7.0f);  // four rows, and one of somebody else on each side
  const std::vector<float> dy(5 * 2, 1.0f);
  const std::vector<int64_t> ids = {-1, 4, 3, 4, int64_t{1} << 40};
  emulated_kernels()->embedding_backward(dy.data(), ids.data(), 5, 4, 2, memory.data() + 2);
  EXPECT_EQ(memory, (std::vector<float>{7, 7, 7, 7, 7, 7, 7, 7, 8, 8, 7, 7}));
  const std::vector<float> logits = {1, 2, 3, 1, 2, 3, 1, 2, 3};
  const std::vector<int64_t> targets = {-(int64_t{1} << 40), 2, 3};
  for (const float smoothing : {0.0f, 0.1f}) {
    std::vector<float> logprobs(3), grad(9);
    emulated_kernels()->token_logprobs(logits.data(), targets.data(), 3, 3, -1, smoothing,
                                       logprobs.data(), grad.data());
    EXPECT_TRUE(std::isnan(logprobs[0]) && !std::isnan(logprobs[1]) && std::isnan(logprobs[2]));
  }
}

// A norm by the host's kernels and by the emulator's, forward and backward.
void compare_norms(const NormRule& rule, const NormRows& n) {
  const auto size = static_cast<size_t>(n.rows * n.row),
             runs = static_cast<size_t>(n.rows * n.groups);
  const std::vector<float> x = random_values(n.rows * n.row, 3),
                           dy = random_values(n.rows * n.row, 5),
                           residual = random_values(n.rows * n.row, 6);
  std::vector<float> y(size), inverse(runs), mean(runs), dx(size),
      dw(static_cast<size_t>(n.width), 0.25f), db = dw;
  float* const means = rule.kind == NormKind::kLayer ? mean.data() : nullptr;
  const NormMoments moments{inverse.data(), means};
  norm_rows(x.data(), rule, n, y.data(), moments);
  norm_rows_backward(dy.data(), x.data(), rule, n, moments, residual.data(), dx.data(), dw.data(),
                     rule.bias != nullptr ? db.data() : nullptr);
  std::vector<float> our_inverse(runs), our_mean(runs), our_dw, our_db;
  expect_near("norm", in_both_orders([&](DeviceKernels& k) {
                std::vector<float> out = x;  // in place
                for (size_t i = 0; i < size; ++i)
                  if (static_cast<int64_t>(i) % n.row >= n.groups * n.width) out[i] = 0;
                k.norm(out.data(), rule, n, out.data(), {our_inverse.data(), our_mean.data()});
                return out;
              }),
              y, 4e-6f);
  expect_near("norm inverse", our_inverse, inverse, 2e-6f);
  expect_near("norm dx", in_both_orders([&](DeviceKernels& k) {
                std::vector<float> out(size),
                    partial(static_cast<size_t>(2 * k.row_parts(n.rows) * n.width), NAN);
                our_dw.assign(static_cast<size_t>(n.width), 0.25f), our_db = our_dw;
                k.norm_backward(dy.data(), x.data(), rule, n, moments, residual.data(),
                                partial.data(), out.data(), our_dw.data(),
                                rule.bias != nullptr ? our_db.data() : nullptr);
                return out;
              }),
              dx, 4e-6f);
  expect_near("norm dw", our_dw, dw, 4e-6f);
  expect_near("norm d_bias", our_db, db, 4e-6f);
}

TEST(CudaRows, Norms) {
  const std::vector<float> w = random_values(kWidth, 4), bias = random_values(kWidth, 14);
  for (const int64_t rows : {kRows, int64_t{600}}) {  // fewer rows than parts, and more
    compare_norms({NormKind::kRms, 1e-5f, w.data(), nullptr}, {rows, 1, kWidth, kWidth});
    compare_norms({NormKind::kLayer, 1e-5f, w.data(), bias.data()}, {rows, 1, kWidth, kWidth});
    // Heads of 20 in wider rows.
    compare_norms({NormKind::kRmsPlusOne, 1e-6f, w.data(), nullptr}, {rows, 3, 20, 71});
    compare_norms({NormKind::kLayer, 1e-6f, w.data(), nullptr}, {rows, 3, 20, 71});
  }
}

TEST(CudaRows, BiasesAndSums) {
  constexpr int64_t row = kWidth + 9;
  const std::vector<float> x = random_values(kRows * row, 15), bias = random_values(kWidth, 16);
  std::vector<float> expected = x, sums(kWidth, 0.5f);
  bias_rows(bias.data(), kRows, kWidth, expected.data(), row);
  sum_rows(x.data(), row, kRows, kWidth, sums.data());
  EXPECT_EQ(in_both_orders([&](DeviceKernels& k) {
              std::vector<float> y = x;
              k.add_bias(bias.data(), kRows, kWidth, y.data(), row);
              return y;
            }),
            expected);
  expect_near("bias gradient", in_both_orders([&](DeviceKernels& k) {
                std::vector<float> to(kWidth, 0.5f),
                    partial(static_cast<size_t>(k.row_parts(kRows) * kWidth), NAN);
                k.bias_gradient(x.data(), row, kRows, kWidth, partial.data(), to.data());
                return to;
              }),
              sums, 4e-6f);
}

TEST(CudaRows, SingleValues) {
  const int64_t count = kRows * kWidth;
  const std::vector<float> x = random_values(count, 17, 4), t = random_values(count, 18);
  const auto compare = [&](const char* what, const auto& work) {
    std::vector<float> theirs(x.size());
    work(static_cast<Kernels&>(cpu_kernels()), theirs.data());
    expect_near(what, in_both_orders([&](DeviceKernels& k) {
                  std::vector<float> y(x.size());
                  work(static_cast<Kernels&>(k), y.data());
                  return y;
                }),
                theirs, 4e-6f);
  };
  compare("x + f t",
          [&](Kernels& k, float* y) { k.add_scaled(x.data(), 0.3f, t.data(), count, y); });
  compare("f t", [&](Kernels& k, float* y) { k.add_scaled(nullptr, 0.3f, t.data(), count, y); });
  compare("softcap", [&](Kernels& k, float* y) { k.softcap(x.data(), 2.5f, count, y); });
  compare("softcap backward",
          [&](Kernels& k, float* y) { k.softcap_backward(t.data(), t.data(), 2.5f, count, y); });
}

TEST(CudaRows, Rope) {
  constexpr int64_t heads = 3, half = 16, width = 2 * half + 3, row = heads * width + 5;
  const std::vector<float> x = random_values(kRows * row, 7);
  std::vector<int64_t> positions;
  for (int64_t t = 0; t < kRows; ++t) positions.push_back(t * 211 % 8000);
  std::vector<float> inverse;
  for (int64_t i = 0; i < half; ++i)
    inverse.push_back(1.0f /
                      std::pow(10000.0f, static_cast<float>(2 * i) / static_cast<float>(2 * half)));
  for (const float sign : {1.0f, -1.0f}) {
    std::vector<float> expected = x;
    rotate_rows(x.data(), row, positions.data(),
                rotary_angles(int64_tensor(positions), at::tensor(inverse), 1.5), sign, kRows,
                heads, width, expected.data(), row);
    // Angles reach 8000, where one unit in the last place is 5e-4: the exponent's rounding moves
    // both sides.
    expect_near("rope", in_both_orders([&](DeviceKernels& k) {
                  std::vector<float> y = x;  // in place
                  k.rope(y.data(), row, positions.data(),
                         {inverse.data(), nullptr, nullptr, half, 1.5f}, sign, kRows, heads, width,
                         y.data(), row);
                  return y;
                }),
                expected, 1e-3f);
  }
}

TEST(CudaRows, Activations) {
  const std::vector<float> columns = random_values(kRows * 2 * kWidth, 8, 3),
                           grad = random_values(kRows * kWidth, 9),
                           bias = random_values(2 * kWidth, 19);
  for (const Activation activation :
       {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh, Activation::kRelu})
    for (const bool gate : {true, false})
      for (const bool biased : {true, false}) {
        SCOPED_TRACE(testing::Message() << static_cast<int>(activation) << gate << biased);
        const GatedRows in{gate ? ConstValues(columns.data()) : ConstValues(nullptr),
                           columns.data() + kWidth,
                           biased ? bias.data() : nullptr,
                           biased ? bias.data() + kWidth : nullptr,
                           kRows,
                           kWidth,
                           2 * kWidth,
                           activation};
        std::vector<float> act(grad.size()), d(columns.size());
        gated_rows_backward(grad.data(), in, gate ? Values(d.data()) : Values(nullptr),
                            d.data() + kWidth, act.data());
        const auto forward = in_both_orders([&](DeviceKernels& k) {
          std::vector<float> out(grad.size());
          k.gated(in, out.data());
          return out;
        });
        expect_near("activation", forward, act, 2e-6f);
        std::vector<float> again(grad.size());
        expect_near("activation backward", in_both_orders([&](DeviceKernels& k) {
                      std::vector<float> ours(columns.size());
                      k.gated_backward(grad.data(), in,
                                       gate ? Values(ours.data()) : Values(nullptr),
                                       ours.data() + kWidth, again.data());
                      return ours;
                    }),
                    d, 4e-6f);
        EXPECT_EQ(again, forward);
      }
}

TEST(CudaRows, TokenLogprobs) {
  constexpr int64_t width = 1201;
  const std::vector<float> logits = random_values(kRows * width, 10, 5);
  std::vector<int64_t> targets;
  for (int64_t t = 0; t < kRows; ++t) targets.push_back(t * 97 % width);
  const at::Tensor x = at::tensor(logits).view({kRows, width});
  const auto values = [](const at::Tensor& t) {
    return std::vector<float>(t.const_data_ptr<float>(), t.const_data_ptr<float>() + t.numel());
  };
  for (const float smoothing : {0.0f, 0.2f}) {
    at::Tensor grad = at::empty_like(x);
    const at::Tensor expected =
        token_logprobs(x, int64_tensor(targets), -0.125, &grad, static_cast<double>(smoothing));
    std::vector<float> logprobs(kRows), bare(kRows);
    expect_near("token_logprobs gradient", in_both_orders([&](DeviceKernels& k) {
                  std::vector<float> g = logits;  // in place
                  k.token_logprobs(logits.data(), targets.data(), kRows, width, 0, smoothing,
                                   bare.data(), nullptr);
                  k.token_logprobs(g.data(), targets.data(), kRows, width, -0.125f, smoothing,
                                   logprobs.data(), g.data());
                  return g;
                }),
                values(grad), 1e-6f);
    expect_near("token_logprobs", logprobs, values(expected), 1e-6f);
    EXPECT_EQ(bare, logprobs);
  }
}

TEST(CudaRows, Squares) {
  constexpr int64_t count = 10007;
  const std::vector<float> g = random_values(count, 11);
  const auto sum = in_both_orders([&](DeviceKernels& k) {
    std::vector<double> partial(DeviceKernels::kSquareParts), out(1);
    k.squares(g.data(), count, partial.data(), out.data());
    return out;
  });
  double expected = 0;
  for (const float x : g) expected += static_cast<double>(x) * static_cast<double>(x);
  std::printf("squares: difference %.3g of %.6g\n", sum[0] - expected, expected);
  EXPECT_NEAR(sum[0], expected, 1e-9 * expected);
}

TEST(CudaRows, AddSum) {
  constexpr int64_t count = 1207;
  const std::vector<float> x = random_values(count, 16);
  double expected = 0.5;
  for (const float value : x) expected += static_cast<double>(value);
  const auto sum = in_both_orders([&](DeviceKernels& k) {
    std::vector<double> out = {0.5};
    k.add_sum(x.data(), 1000, out.data());
    k.add_sum(x.data() + 1000, count - 1000, out.data());
    return out;
  });
  std::printf("sum: difference %.3g of %.6g\n", sum[0] - expected, expected);
  EXPECT_NEAR(sum[0], expected, 1e-12);
}

// The plans that cuBLASLt is given, carried out by a loop, against the host's products: two weights
// that meet the same input, with nothing, with what is there and with another array added.
TEST(CudaRows, ProductPlans) {
  constexpr int64_t rows = 9, first = 7, second = 4, n = first + second, k = 13, x_row = 16,
                    y_row = 12;
  const std::vector<float> x = random_values(rows * x_row, 13), w = random_values(n * k, 14),
                           y = random_values(rows * y_row, 15),
                           other = random_values(rows * y_row, 16);
  const auto device = emulated_kernels();
  Kernels& host = cpu_kernels();
  const Weight weights[] = {{w.data(), first}, {w.data() + first * k, second}};
  for (const int addend : {0, 1, 2}) {
    std::vector<float> ours = y, theirs = y;
    const auto forward = [&](Kernels& kernels, std::vector<float>& to) {
      kernels.forward_product(x.data(), x_row, rows, k, weights,
                              addend == 0   ? nullptr
                              : addend == 1 ? to.data()
                                            : other.data(),
                              to.data(), y_row);
    };
    forward(*device, ours), forward(host, theirs);
    expect_near("forward product", ours, theirs, 1e-6f);
    std::vector<float> our_x = x, their_x = x;
    device->input_gradient(y.data(), y_row, rows, weights, k, our_x.data(), x_row, addend != 0);
    host.input_gradient(y.data(), y_row, rows, weights, k, their_x.data(), x_row, addend != 0);
    expect_near("input gradient", our_x, their_x, 1e-6f);
  }
  for (const bool both : {true, false}) {
    std::vector<float> ours = w, theirs = w;
    const auto gradients = [&](Kernels& kernels, std::vector<float>& to) {
      const WeightGradient targets[] = {{both ? to.data() : nullptr, first},
                                        {to.data() + first * k, second}};
      kernels.weight_gradients(y.data(), y_row, x.data(), x_row, rows, k, targets);
    };
    gradients(*device, ours), gradients(host, theirs);
    expect_near("weight gradients", ours, theirs, 1e-6f);
    EXPECT_EQ(ours[0] == w[0], !both);
  }
}

}  // namespace
}  // namespace slipway::cuda
