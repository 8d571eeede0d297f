// Comparing tensors in whatever encoding.
#include "weights/tensor_info.h"

#include "weights_files.h"

namespace slipway {
namespace {

TEST(TensorInfo, SameValuesInAnyEncoding) {
  const std::vector<float> floats = {1, -2, 0.5f, 0}, other = {1, -2, 0.5f, 1};
  const std::vector<uint16_t> brains = {0x3F80, 0xC000, 0x3F00, 0};
  const auto of = [](Encoding encoding, std::vector<int64_t> shape, const auto& data) {
    return TensorInfo{"t", encoding, std::move(shape), std::as_bytes(std::span(data))};
  };
  const TensorInfo a = of(Encoding::kF32, {2, 2}, floats);
  EXPECT_TRUE(same_values(a, of(Encoding::kF32, {2, 2}, floats)));
  EXPECT_TRUE(same_values(a, of(Encoding::kBF16, {2, 2}, brains)));
  EXPECT_FALSE(same_values(a, of(Encoding::kF32, {2, 2}, other)));
  EXPECT_FALSE(same_values(of(Encoding::kF32, {2, 2}, other), of(Encoding::kBF16, {2, 2}, brains)));
  EXPECT_FALSE(same_values(a, of(Encoding::kF32, {4}, floats))) << "another shape";
}

}  // namespace
}  // namespace slipway
