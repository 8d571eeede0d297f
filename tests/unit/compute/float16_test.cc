// Rounding to float16, against LibTorch's.
#include "compute/float16.h"

#include <gtest/gtest.h>

#include <vector>

#include "compute/torch.h"

namespace slipway {
namespace {

// Every number of float16, what lies around it and half way to the next, and what it cannot hold.
std::vector<float> around_all_float16() {
  std::vector<float> out = {65519.996f,
                            65520.0f,
                            1e30f,
                            1e-30f,
                            0x1p-25f,
                            0x1.000002p-25f,
                            1e-45f,
                            std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::max()};
  for (uint16_t bits = 0; bits < 0x7C00; ++bits) {
    const auto value = static_cast<float>(c10::Half(bits, c10::Half::from_bits())),
               next = bits + 1 == 0x7C00
                          ? 65536.0f
                          : static_cast<float>(
                                c10::Half(static_cast<uint16_t>(bits + 1), c10::Half::from_bits()));
    const float middle = value + (next - value) / 2;
    for (const float each : {value, middle, std::nextafter(middle, 0.0f),
                             std::nextafter(middle, 1e9f), std::nextafter(value, 1e9f)})
      out.push_back(each);
  }
  return out;
}

TEST(Float16, RoundsAsLibTorchDoes) {
  int64_t different = 0;
  for (const float size : around_all_float16())
    for (const float value : {size, -size}) {
      const auto expected = static_cast<float>(static_cast<c10::Half>(value));
      if (std::bit_cast<uint32_t>(round_to_float16(value)) != std::bit_cast<uint32_t>(expected)) {
        ++different;
        if (different < 10)
          ADD_FAILURE() << value << " becomes " << round_to_float16(value) << ", not " << expected;
      }
    }
  EXPECT_EQ(different, 0);
  EXPECT_TRUE(std::isnan(round_to_float16(std::numeric_limits<float>::quiet_NaN())));
}

}  // namespace
}  // namespace slipway
