// The memory that a run will need.
#include "api/memory.h"

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
  EXPECT_EQ(m.total(), 6 * gib);  // gradients and activations come and go in turn with what is packed and cached
  EXPECT_EQ(m.text(), "memory: about 6.00 GiB (weights 1.00, gradients 0.50, optimizer 2.00, activations 0.50, weights packed for decoding 0.50, decode cache 0.25, logits 1.00, starting model 1.00; sampling and training take turns)");
  m.cache = gib;
  EXPECT_EQ(m.total(), 6 * gib + gib / 2);
}

TEST(Memory, TheMachinesFreeMemoryIsKnown) {
  EXPECT_GT(available_memory(), uint64_t{1} << 20);
  EXPECT_LT(available_memory(), uint64_t{1} << 50);
}

}  // namespace
}  // namespace slipway
