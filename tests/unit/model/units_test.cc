// Cutting a model into units, and units into slices.
#include "model/units.h"

#include <gtest/gtest.h>

#include "model/parameters.h"

namespace slipway {
namespace {

// An embedding that the head shares, two blocks, norms that take no decay.
std::vector<ParameterSpec> small_llama() {
  return {{"embed", {40, 8}, true, true, -1, 0}, {"one.w", {8, 33}, true, true, -1, 1},
          {"one.norm", {8}, true, false, -1, 1}, {"two.w", {8, 33}, true, true, -1, 2},
          {"two.norm", {8}, true, false, -1, 2}, {"head", {40, 8}, true, true, 0, 3}};
}

TEST(Units, AreAllValuesOnceFromTheHeadDown) {
  for (const int64_t fewest : {int64_t{1}, int64_t{300}, kFewestExchanged}) {
    const FlatParameters p(small_llama(), {.fewest = fewest});
    std::vector<int64_t> values(p.groups().size());
    int last = 100;
    for (const ParameterUnit& unit : p.units()) {
      values[unit.group] += unit.count;
      EXPECT_LE(unit.completes, last);
      last = unit.completes;
    }
    EXPECT_EQ(last, 0);
    for (size_t g = 0; g < values.size(); ++g) EXPECT_EQ(values[g], p.groups()[g].weights.numel());
    EXPECT_EQ(p.units().size(), fewest == 1 ? 5u : fewest == 300 ? 3u : 2u);
  }
}

TEST(Units, KnowWhoReadsThem) {
  const FlatParameters p(small_llama(), {.fewest = 1});
  const auto readers = [&](size_t parameter) {
    const float* at = p.tensor(parameter).const_data_ptr<float>();
    return p.units()[p.unit_at(at).value()].readers;
  };
  EXPECT_EQ(readers(0), (std::vector<int>{0, 3}));  // tied
  EXPECT_EQ(readers(1), std::vector<int>{1});
  EXPECT_EQ(readers(4), std::vector<int>{2});
  std::vector<ParameterSpec> unsaid = small_llama();
  unsaid[1].segment = -1;
  EXPECT_TRUE(FlatParameters(unsaid, {.fewest = 1}).units().back().readers.empty());
  // together in a unit: whoever reads one of them
  const FlatParameters together(small_llama());
  EXPECT_EQ(together.units().back().readers, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_FALSE(together.unit_at(nullptr).has_value());
}

TEST(Units, SlicesOfAllRanksAreTheUnit) {
  for (const int64_t stage : {1, 2, 3})
    for (const int64_t ranks : {2, 3, 4}) {
      std::vector<std::unique_ptr<FlatParameters>> of;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        of.push_back(
            std::make_unique<FlatParameters>(small_llama(), Sharding{stage, rank, ranks, 1}));
        of.back()->initialise(3);
      }
      FlatParameters whole(small_llama());
      whole.initialise(3);
      double squares = 0, expected = 0;
      for (const FlatParameters::Group& group : whole.groups())
        expected += group.weights.square().sum(at::kDouble).item<double>();
      for (size_t u = 0; u < of[0]->units().size(); ++u)
        for (int64_t rank = 0; rank < ranks; ++rank) {
          const FlatParameters& p = *of[static_cast<size_t>(rank)];
          EXPECT_EQ(p.own_weights(u).numel() * ranks, p.units()[u].count);
          EXPECT_EQ(p.own_weights(u).numel() % kAlign, 0);
          squares += p.own_weights(u).square().sum(at::kDouble).item<double>();
        }
      EXPECT_NEAR(squares, expected, 1e-9 * expected) << stage << " " << ranks;
    }
}

TEST(Units, WhatIsCutHasNoMemoryButTheSlices) {
  std::vector<ParameterSpec> specs;
  for (int i = 0; i < 8; ++i)
    specs.push_back({"w" + std::to_string(i), {64, 1024}, true, true, -1, i});
  const int64_t bytes = 8 * 64 * 1024 * 4;
  for (const int64_t stage : {1, 2, 3}) {
    FlatParameters p(specs, {stage, 1, 4, 1});
    p.initialise(1);
    p.zero_grad();
    const auto resident = [](const at::Tensor& whole, const at::Tensor& own) {
      return resident_bytes(whole) + (own.defined() ? own.numel() * 4 : 0);
    };
    at::Tensor own_weights, own_grads;
    if (stage == 3) own_weights = p.kept_weights()[0];
    int64_t grads = 0;
    for (size_t u = 0; u < p.units().size(); ++u) grads += resident_bytes(p.own_grads(u));
    const int64_t weights = resident(p.groups()[0].weights, own_weights);
    if (stage >= 2) grads += resident_bytes(p.groups()[0].grads);
    else grads = resident_bytes(p.groups()[0].grads);
    std::printf("stage %d of 4 ranks: weights %ld bytes, gradients %ld of %ld\n",
                static_cast<int>(stage), weights, grads, bytes);
    EXPECT_NEAR(static_cast<double>(weights), static_cast<double>(stage == 3 ? bytes / 4 : bytes),
                0.02 * static_cast<double>(bytes));
    EXPECT_NEAR(static_cast<double>(grads), static_cast<double>(stage >= 2 ? bytes / 4 : bytes),
                0.02 * static_cast<double>(bytes));
  }
}

}  // namespace
}  // namespace slipway
