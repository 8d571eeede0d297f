// The memory that a run will need.
#include "api/memory.h"

#include <fstream>
#include <limits>

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

TEST(Memory, TheEstimateAddsUpAndNamesItsParts) {
  MemoryEstimate m;
  const uint64_t gib = uint64_t{1} << 30;
  m.weights = gib;
  m.gradients = gib / 2;
  m.optimizer = 2 * gib;
  EXPECT_EQ(m.text(), "memory: about 3.50 GiB (weights 1.00, gradients 0.50, optimizer 2.00)");
  m.cache = gib / 4;
  m.logits = gib;
  m.reference = gib;
  m.activations = m.packed = gib / 2;
  // gradients and activations come and go in turn with what is packed and cached
  EXPECT_EQ(m.total(), 6 * gib);
  EXPECT_EQ(m.text(),
            "memory: about 6.00 GiB (weights 1.00, gradients 0.50, optimizer 2.00, activations "
            "0.50, weights packed for decoding 0.50, decode cache 0.25, logits 1.00, starting "
            "model 1.00; used in turn by sampling and training)");
  m.cache = gib;
  EXPECT_EQ(m.total(), 6 * gib + gib / 2);
}

TEST(Memory, WhatTheModelHoldsAlreadyIsNotNeededAgain) {
  MemoryEstimate m;
  m.weights = m.gradients = 10;
  m.optimizer = 20;
  EXPECT_EQ(m.total() - m.held(), 20u);
  m.activations = 3;
  m.packed = 4;  // lie in the gradients' memory
  m.cache = 2;
  EXPECT_EQ(m.total() - m.held(), 23u);
  m.cache = 5;
  EXPECT_EQ(m.total() - m.held(), 25u);
  m.packed = 16;  // reach beyond it
  EXPECT_EQ(m.total() - m.held(), 31u);
  m.workspace = uint64_t{1} << 30;
  EXPECT_NE(m.text().find(", working memory 1.00"), std::string::npos) << m.text();
}

TEST(Memory, AGroupsLimitLeavesWhatMirrorsFiles) {
  const fs::path group = fs::path(SLIPWAY_SCRATCH) / "group";
  fs::remove_all(group);
  fs::create_directories(group);
  constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(left_in_group(group), kNone);
  const auto put = [&](const char* name, const std::string& text) {
    std::ofstream(group / name) << text;
  };
  put("memory.max", "max\n");
  put("memory.current", "700\n");
  EXPECT_EQ(left_in_group(group), kNone);
  put("memory.max", "1000\n");
  EXPECT_EQ(left_in_group(group), 300u);
  put("memory.stat", "anon 250\nfile 450\ninactive_file 300\nactive_file 100\nshmem 50\n");
  EXPECT_EQ(left_in_group(group), 700u);
  put("memory.max", "200\n");
  EXPECT_EQ(left_in_group(group), 1u) << "0 would mean unknown";
}

TEST(Memory, TheMachinesFreeMemoryIsKnown) {
  EXPECT_GT(available_memory(), uint64_t{1} << 20);
  EXPECT_LT(available_memory(), uint64_t{1} << 50);
}

}  // namespace
}  // namespace slipway
