// Names and sizes of the ways to store weights.
#include "kernels/cpu/weight_storage.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(WeightStorage, HasNamesAndSizes) {
  for (const WeightStorage storage :
       {WeightStorage::kFloat32, WeightStorage::kBfloat16, WeightStorage::kInt8})
    EXPECT_EQ(weight_storage_of(name_of(storage)), storage);
  EXPECT_EQ(weight_storage_of("int4"), std::nullopt);
  EXPECT_EQ(bytes_of(WeightStorage::kFloat32), 4);
  EXPECT_EQ(bytes_of(WeightStorage::kBfloat16), 2);
  EXPECT_EQ(bytes_of(WeightStorage::kInt8) * 64, 64 + 4);
}

}  // namespace
}  // namespace slipway
