// Activations with and without a gate and biases against their definition in float64, their slopes
// against differences of it.
#include "kernels/cpu/activation_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "compute/bfloat16.h"
#include "tests/unit/kernels/cpu/noise.h"
#include "tests/unit/largest.h"

namespace slipway::kernels {
namespace {

constexpr int64_t kCount = 1003;

double activation_in_float64(Activation activation, double x) {
  if (activation == Activation::kSilu) return x / (1 + std::exp(-x));
  if (activation == Activation::kGelu) return x * std::erfc(-x / std::sqrt(2.0)) / 2;
  if (activation == Activation::kRelu) return std::max(x, 0.0);
  return x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) / 2;
}
double slope_in_float64(Activation activation, double x) {
  constexpr double kStep = 1e-5;
  return (activation_in_float64(activation, x + kStep) -
          activation_in_float64(activation, x - kStep)) /
         (2 * kStep);
}

double activation_difference(Activation activation, bool gate, bool bias) {
  std::vector<float> a = noise(kCount, 1), b = noise(kCount, 2);
  for (float& x : a) x *= 6;
  for (float& x : b) x *= 6;
  const std::vector<float> bias_a = noise(kCount, 3), bias_b = noise(kCount, 4),
                           grad = noise(kCount, 5);
  const GatedRow<float> in{gate ? a.data() : nullptr,      b.data(), bias ? bias_a.data() : nullptr,
                           bias ? bias_b.data() : nullptr, kCount,   activation};
  std::vector<float> out(kCount), again(kCount), d_gate(kCount), d_up(kCount);
  gated(in, out.data());
  gated_backward(grad.data(), in, gate ? d_gate.data() : nullptr, d_up.data(), again.data());
  EXPECT_EQ(out, again);
  double largest = 0;
  const auto see = [&](float got, double wanted) {
    const double by = std::abs(static_cast<double>(got) - wanted) / std::max(1.0, std::abs(wanted));
    largest = largest_of({largest, by});
  };
  for (size_t i = 0; i < kCount; ++i) {
    const double up = double(b[i]) + (bias ? double(bias_b[i]) : 0),
                 x = gate ? double(a[i]) + (bias ? double(bias_a[i]) : 0) : up,
                 act = activation_in_float64(activation, x),
                 slope = slope_in_float64(activation, x), g = double(grad[i]);
    see(out[i], gate ? act * up : act);
    see(d_up[i], gate ? g * act : g * slope);
    if (gate) see(d_gate[i], g * up * slope);
  }
  return largest;
}

TEST(ActivationKernels, EqualTheirDefinition) {
  for (const Activation activation :
       {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh, Activation::kRelu}) {
    double largest = 0;
    for (const bool gate : {true, false})
      for (const bool bias : {true, false})
        largest = largest_of({largest, activation_difference(activation, gate, bias)});
    std::printf("activation %d: largest difference %.3g\n", static_cast<int>(activation), largest);
    EXPECT_LT(largest, 3e-6);
  }
}

TEST(ActivationKernels, BFloat16RoundsWhatFloat32Gives) {
  const std::vector<float> noisy = noise(3 * kCount, 6);
  std::vector<uint16_t> rounded;
  std::vector<float> widened;
  for (const float x : noisy) {
    rounded.push_back(to_bfloat16(4 * x));
    widened.push_back(from_bfloat16(rounded.back()));
  }
  for (const bool gate : {true, false}) {
    const GatedRow<uint16_t> in{gate ? rounded.data() : nullptr,
                                rounded.data() + kCount,
                                nullptr,
                                nullptr,
                                kCount,
                                Activation::kGeluTanh};
    const GatedRow<float> wide{gate ? widened.data() : nullptr,
                               widened.data() + kCount,
                               nullptr,
                               nullptr,
                               kCount,
                               Activation::kGeluTanh};
    std::vector<uint16_t> out(kCount);
    std::vector<float> exact(kCount);
    gated(in, out.data());
    gated(wide, exact.data());
    for (size_t i = 0; i < kCount; ++i)
      EXPECT_NEAR(from_bfloat16(out[i]), exact[i], 0.004f * std::abs(exact[i]) + 1e-30f);
  }
}

}  // namespace
}  // namespace slipway::kernels
