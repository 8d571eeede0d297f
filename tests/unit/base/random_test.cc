// Random numbers by place: Philox's known answers, and what the key is made of.
#include "base/random.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

using Counter = std::array<uint32_t, 4>;

// The known answers of Random123 1.14 (kat_vectors, philox4x32, 10 rounds).
TEST(Random, PhiloxGivesTheKnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, EveryPartOfTheKeyAndThePlaceCounts) {
  const auto drawn = [](uint64_t seed, const DrawPlace& at) {
    const Counter bits = philox({at.position, at.sample, at.prompt, at.iteration},
                                {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
    EXPECT_EQ(uniform(seed, at),
              static_cast<double>((uint64_t{bits[0]} << 32 | bits[1]) >> 11) / 9007199254740992.0);
    return uniform(seed, at);
  };
  const uint64_t seed = 0x1234567890abcdef;
  const double draw = drawn(seed, {1, 2, 3, 4});
  EXPECT_NE(draw, drawn(seed + 1, {1, 2, 3, 4}));
  EXPECT_NE(draw, drawn(seed + (uint64_t{1} << 32), {1, 2, 3, 4}));
  EXPECT_NE(draw, drawn(seed, {0, 2, 3, 4}));
  EXPECT_NE(draw, drawn(seed, {1, 0, 3, 4}));
  EXPECT_NE(draw, drawn(seed, {1, 2, 0, 4}));
  EXPECT_NE(draw, drawn(seed, {1, 2, 3, 0}));
}

}  // namespace
}  // namespace slipway
