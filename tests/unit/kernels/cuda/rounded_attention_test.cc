// Attention in bfloat16 on the emulator, against the host's in float32 on operands that are rounded
// beforehand: what is left is the rounding of weights and of scores' gradients, 2^-9 of each.
#include <algorithm>

#include "compute/bfloat16.h"
#include "tests/unit/kernels/cuda/attention_batch.h"
#include "tests/unit/largest.h"

namespace slipway::cuda {
namespace {

std::vector<float> rounded(std::vector<float> values) {
  for (float& value : values) value = round_to_bfloat16(value);
  return values;
}

// The furthest row: ||ours - theirs|| / ||theirs|| of each `width` values, no row being taken for
// smaller than a tenth of the largest.
double furthest_row(const std::vector<float>& ours, const std::vector<float>& theirs,
                    int64_t width) {
  std::vector<double> off, size;
  for (size_t first = 0; first < theirs.size(); first += static_cast<size_t>(width)) {
    double difference = 0, square = 0;
    for (size_t i = first; i < first + static_cast<size_t>(width); ++i) {
      const auto a = static_cast<double>(ours[i]), b = static_cast<double>(theirs[i]);
      difference += (a - b) * (a - b), square += b * b;
    }
    off.push_back(std::sqrt(difference)), size.push_back(std::sqrt(square));
  }
  const double least = *std::ranges::max_element(size) / 10;
  double furthest = 0;
  for (size_t i = 0; i < off.size(); ++i)
    furthest = largest_of({furthest, off[i] / std::max(size[i], least)});
  return furthest;
}

void expect_rounding(const AttentionBatch& batch, const Attended& ours) {
  const Attended theirs = batch.on_host();
  const double out = furthest_row(ours.out, theirs.out, batch.shape.width),
               gradient = furthest_row(ours.gradient, theirs.gradient, batch.shape.width);
  std::printf("furthest row: forward %.3g, backward %.3g\n", out, gradient);
  EXPECT_LE(out, 0.006);
  EXPECT_LE(gradient, 0.012);
  expect_near("attention lse", ours.lse, theirs.lse, 2e-6f);
}

Attended in_bfloat16(const AttentionBatch& batch, const Card& card = kServerCard) {
  Attended out;
  for (const ThreadOrder order : {ThreadOrder::kAscending, ThreadOrder::kDescending}) {
    const auto kernels = emulated_kernels(order, nullptr, card);
    kernels->round_products(Rounding::kBfloat16);
    Attended now = batch.on(*kernels);
    EXPECT_TRUE(order == ThreadOrder::kAscending || now == out)
        << "threads race: their order changes the result";
    out = std::move(now);
  }
  return out;
}

AttentionBatch rounded_batch(HeadShape shape, std::vector<PrefixTree> trees, int64_t tokens) {
  AttentionBatch batch{shape, std::move(trees), tokens};
  batch.qkv = rounded(batch.qkv), batch.d_out = rounded(batch.d_out);
  return batch;
}

TEST(CudaRoundedAttention, IsTheHostsUpToRounding) {
  const std::pair<const char*, AttentionBatch> batches[] = {
      {"one token", rounded_batch({1, 1, 8}, {{{{0, 1}}}}, 1)},
      {"shared prompt, heads of 10",
       rounded_batch({4, 2, 10}, {{{{0, 70}, {70, 66}, {136, 0}, {136, 5}}}, {{{141, 64}}}}, 205)},
      {"heads of 7", rounded_batch({2, 1, 7}, {{{{0, 67}}}}, 67)},
      {"heads of 64", rounded_batch({3, 1, 64}, {{{{0, 3}}}, {{{3, 65}}}, {{{68, 1}}}}, 69)},
      {"heads of 96", rounded_batch({2, 1, 96}, {{{{0, 33}, {33, 20}}}}, 53)},
      {"heads of 128, segments in another order",
       rounded_batch({2, 2, 128}, {{{{40, 30}, {0, 40}, {70, 9}}}}, 79)},
  };
  for (const auto& [name, batch] : batches) {
    SCOPED_TRACE(name);
    expect_rounding(batch, in_bfloat16(batch));
  }
}

TEST(CudaRoundedAttention, WindowsAndSoftcaps) {
  for (const int64_t window : {0, 1, 5, 64, 66, 1000})
    for (const float softcap : {0.0f, 1.5f}) {
      SCOPED_TRACE(testing::Message() << "window " << window << ", softcap " << softcap);
      AttentionBatch batch = rounded_batch(
          {2, 1, 10}, {{{{0, 70}, {70, 66}, {136, 0}, {136, 5}}}, {{{141, 164}}}}, 305);
      batch.scores.window = window, batch.scores.softcap = softcap;
      expect_rounding(batch, in_bfloat16(batch));
    }
}

TEST(CudaRoundedAttention, RoundsItsOperands) {
  const AttentionBatch exact{{2, 1, 16}, {{{{0, 40}}}}, 40};
  AttentionBatch beforehand = exact;
  beforehand.qkv = rounded(exact.qkv), beforehand.d_out = rounded(exact.d_out);
  const Attended ours = in_bfloat16(exact), same = in_bfloat16(beforehand);
  EXPECT_EQ(ours.out, same.out);
  EXPECT_EQ(ours.lse, same.lse);
  EXPECT_GT(furthest_row(ours.out, exact.on_host().out, 16), 1e-3);
}

// Heads that are wider than the kernels in bfloat16, and cards with too little shared memory.
TEST(CudaRoundedAttention, WhatHasNoSuchKernelIsFloat32) {
  const AttentionBatch wide{{2, 1, 160}, {{{{0, 20}, {20, 9}}}}, 29},
      ordinary{{2, 1, 128}, {{{{0, 20}, {20, 9}}}}, 29};
  EXPECT_TRUE(in_bfloat16(wide) == wide.on(*emulated_kernels()));
  EXPECT_TRUE(in_bfloat16(ordinary, kConsumerCard) ==
              ordinary.on(*emulated_kernels(ThreadOrder::kAscending, nullptr, kConsumerCard)));
}

}  // namespace
}  // namespace slipway::cuda
