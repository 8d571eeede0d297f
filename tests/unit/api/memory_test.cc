// The memory that a run will need.
#include "api/memory.h"

#include <gtest/gtest.h>

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
  m.saved = 3 * gib;
  EXPECT_EQ(m.total(), 6 * gib + gib / 2);
  EXPECT_TRUE(m.text().ends_with("training), and 3.00 while a checkpoint is written")) << m.text();
}

TEST(Memory, TheCopyOfACheckpointNeedsRoomBesideTheRun) {
  MemoryEstimate m;
  m.weights = m.gradients = 10;
  m.optimizer = 20;
  EXPECT_TRUE(m.saved_fits(20));
  m.saved = 30;
  EXPECT_FALSE(m.saved_fits(49));
  EXPECT_TRUE(m.saved_fits(50));
  EXPECT_TRUE(m.saved_fits(0)) << "nobody knows";
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

}  // namespace
}  // namespace slipway
