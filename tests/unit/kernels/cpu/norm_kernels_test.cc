// Norms of every kind, of whole rows and of runs within them, against their definition in float64.
#include "kernels/cpu/norm_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "tests/unit/kernels/cpu/noise.h"
#include "tests/unit/largest.h"

namespace slipway::kernels {
namespace {

// One run's y and gradients; dw and db are added to.
struct RunInFloat64 {
  std::vector<double> y, dx;
  RunInFloat64(const float* x, const float* dy, const NormRule& rule, int64_t width, double* dw,
               double* db) {
    const auto size = static_cast<size_t>(width);
    const auto count = static_cast<double>(width);
    double mean = 0, square = 0, sum = 0, dot = 0;
    for (size_t i = 0; i < size; ++i)
      if (rule.kind == NormKind::kLayer) mean += double(x[i]) / count;
    for (size_t i = 0; i < size; ++i)
      square += (double(x[i]) - mean) * (double(x[i]) - mean) / count;
    const double inverse = 1 / std::sqrt(square + double(rule.eps));
    const auto factor = [&](size_t i) {
      return double(rule.w[i]) + (rule.kind == NormKind::kRmsPlusOne ? 1 : 0);
    };
    for (size_t i = 0; i < size; ++i) {
      const double normed = (double(x[i]) - mean) * inverse, g = double(dy[i]) * factor(i);
      y.push_back(normed * factor(i) + (rule.bias != nullptr ? double(rule.bias[i]) : 0));
      dw[i] += double(dy[i]) * normed, db[i] += double(dy[i]);
      sum += rule.kind == NormKind::kLayer ? g / count : 0, dot += g * normed / count;
    }
    for (size_t i = 0; i < size; ++i)
      dx.push_back(inverse *
                   (double(dy[i]) * factor(i) - sum - (double(x[i]) - mean) * inverse * dot));
  }
};

class Far {
 public:
  void see(float got, double wanted) {
    const double by = std::abs(static_cast<double>(got) - wanted) / std::max(1.0, std::abs(wanted));
    largest = largest_of({largest, by});
  }
  double largest = 0;
};

double difference(NormKind kind, bool with_bias, const NormRows& n) {
  const std::vector<float> w = noise(n.width, 1), bias = noise(n.width, 2),
                           x = noise(n.rows * n.row, 3), dy = noise(n.rows * n.row, 4),
                           residual = noise(n.rows * n.row, 5);
  const NormRule rule{kind, 1e-5f, w.data(), with_bias ? bias.data() : nullptr};
  std::vector<float> y = x, gradient = dy, inverse(static_cast<size_t>(n.rows * n.groups)),
                     mean = inverse, dw(static_cast<size_t>(n.width)), db = dw;
  norm(y.data(), rule, n, y.data(), {inverse.data(), mean.data()});
  norm_backward(gradient.data(), x.data(), rule, n, {inverse.data(), mean.data()}, residual.data(),
                gradient.data(), dw.data(), with_bias ? db.data() : nullptr);
  Far far;
  std::vector<double> exact_dw(dw.size()), exact_db(dw.size());
  for (int64_t r = 0; r < n.rows; ++r)
    for (int64_t g = 0; g < n.groups; ++g) {
      const int64_t at = r * n.row + g * n.width;
      const RunInFloat64 run(x.data() + at, dy.data() + at, rule, n.width, exact_dw.data(),
                             exact_db.data());
      for (int64_t i = 0; i < n.width; ++i) {
        const auto here = static_cast<size_t>(at + i), column = static_cast<size_t>(i);
        far.see(y[here], run.y[column]);
        far.see(gradient[here], run.dx[column] + double(residual[here]));
      }
    }
  for (size_t i = 0; i < dw.size(); ++i) {
    far.see(dw[i], exact_dw[i]);
    if (with_bias) far.see(db[i], exact_db[i]);
  }
  return far.largest;
}

TEST(NormKernels, EqualTheirDefinition) {
  double largest = 0;
  for (const NormKind kind : {NormKind::kRms, NormKind::kRmsPlusOne, NormKind::kLayer})
    for (const NormRows& rows :
         {NormRows{9, 1, 130, 130}, NormRows{9, 3, 20, 71}, NormRows{5, 2, 1, 2}})
      for (const bool bias : {false, true})
        if (!bias || kind == NormKind::kLayer) {
          // A run of one value has no variance: its layer norm amplifies rounding without bound.
          if (rows.width == 1 && kind == NormKind::kLayer) continue;
          largest = largest_of({largest, difference(kind, bias, rows)});
        }
  std::printf("norms, in place: largest difference %.3g\n", largest);
  EXPECT_LT(largest, 4e-6);
}

}  // namespace
}  // namespace slipway::kernels
