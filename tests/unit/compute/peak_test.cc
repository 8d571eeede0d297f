// The multiply-add peak: chains that count themselves, and a rate that products do not pass.
#include "compute/peak.h"

#include <gtest/gtest.h>

#include "compute/measure.h"
#include "compute/tiles.h"

namespace slipway {
namespace {

constexpr Arithmetic kAll[] = {Arithmetic::kFloat32, Arithmetic::kBfloat16, Arithmetic::kInt8};

bool has(Arithmetic of) {
  for (const PeakInstructions& set : peak_instructions(of))
    if (set.here()) return true;
  return false;
}

// Multiply-adds of one step through the chains.
double step_of(std::string_view name, Arithmetic of) {
  const double pairs = of == Arithmetic::kBfloat16 ? 2 : of == Arithmetic::kInt8 ? 4 : 1;
  if (name == "amx") return 6 * 16 * 16 * 16 * pairs;
  if (name == "plain") return 14 * 4;
  return 14 * (name.starts_with("avx512") ? 16 : 8) * pairs;
}

TEST(Peak, ChainsCountTheirMultiplyAdds) {
  int counted = 0;
  for (const Arithmetic of : kAll)
    for (const PeakInstructions& set : peak_instructions(of)) {
      if (!set.here()) continue;
      for (const int repeats : {0, 1, 1000, 1 << 17})
        EXPECT_EQ(set.burst(repeats), repeats * step_of(set.name, of)) << set.name;
      ++counted;
    }
  EXPECT_GE(counted, 1);
}

TEST(Peak, IsThatOfInstructionsThatAreHereOrNone) {
  for (const Arithmetic of : kAll) {
    const auto peak = multiply_add_peak(of, 1, 0);
    ASSERT_EQ(peak.has_value(), has(of));
    if (!peak) continue;
    bool here = false;
    for (const PeakInstructions& set : peak_instructions(of))
      here |= set.name == peak->instructions && set.here();
    EXPECT_TRUE(here) << peak->instructions;
    std::printf("%.*s: %.1f GFLOP/s with 1 thread\n", static_cast<int>(peak->instructions.size()),
                peak->instructions.data(), peak->rate / 1e9);
    EXPECT_GT(peak->rate, 1e7);
    EXPECT_LT(peak->rate, 1e16);
  }
  EXPECT_TRUE(has(Arithmetic::kFloat32));
}

TEST(Peak, LibTorchsProductIsNotFaster) {
  const double product = measure_sgemm(512, 512, 512, 0.05);
  const auto peak = multiply_add_peak(Arithmetic::kFloat32, thread_count(), 0.02);
  std::printf("LibTorch's product: %.0f %% of the peak\n", 100 * product / peak->rate);
  EXPECT_LT(product, 1.1 * peak->rate);
}

TEST(Peak, ThreadsAreAsManyAsBefore) {
  const int before = thread_count();
  multiply_add_peak(Arithmetic::kFloat32, 1, 0);
  EXPECT_EQ(thread_count(), before);
}

TEST(Tiles, AskingAgainGivesTheSame) { EXPECT_EQ(ask_for_tiles(), ask_for_tiles()); }

}  // namespace
}  // namespace slipway
