// Flat buffers: views, ties, groups.
#include "model/parameters.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace slipway {
namespace {

TEST(FlatParameters, GroupsHoldViewsAndGradientsLandInTheBuffer) {
  FlatParameters p({{"a", {3, 2}},
                    {"n", {4}, true, false},
                    {"tied", {3, 2}, true, true, 0},
                    {"fixed", {5}, false}});
  EXPECT_EQ(p.trainable_count(), 10);
  EXPECT_EQ(p.total_count(), 15);
  EXPECT_EQ(p.tensor(0).data_ptr(), p.tensor(2).data_ptr());
  EXPECT_FALSE(p.tensor(3).requires_grad());
  (p.tensor(0).sum() + p.tensor(2).sum() * 2 + p.tensor(1).sum()).backward();
  EXPECT_NEAR(p.grad_norm(), std::sqrt(6 * 9.0 + 4), 1e-6);
  p.scale_grad(0.5);
  EXPECT_DOUBLE_EQ(p.groups()[0].grads.sum().item<double>(), 9.0);
  p.zero_grad();
  EXPECT_DOUBLE_EQ(p.grad_norm(), 0.0);
}

TEST(FlatParameters, AGroupIsOfOneKind) {
  FlatParameters p({{"a", {3, 2}},
                    {"n", {4}, true, false},
                    {"b", {5}},
                    {"fixed", {5}, false},
                    {"fixed.n", {2}, false, false}});
  std::vector<std::vector<size_t>> members;
  for (const FlatParameters::Group& group : p.groups()) {
    members.emplace_back();
    for (const FlatParameters::Place& place : group.places) {
      EXPECT_EQ(p.specs()[place.index].decay, group.decay);
      EXPECT_EQ(p.specs()[place.index].trainable, group.trainable);
      members.back().push_back(place.index);
    }
  }
  EXPECT_EQ(members, (std::vector<std::vector<size_t>>{{0, 2}, {1}, {3}, {4}}));
}

std::vector<ParameterSpec> with_stored() {
  ParameterSpec matrix{"m", {4, 32}, false}, other{"q", {2, 32}, false};
  matrix.stored = Encoding::kBF16;
  other.stored = Encoding::kQ8_0;
  return {
      {"a", {3, 2}}, matrix, {"n", {32}, false, false}, other, {"tied", {4, 32}, false, true, 1}};
}

TEST(FlatParameters, MatricesInFewerBitsAreReadAsTheFileHasThemOrRounded) {
  FlatParameters p(with_stored());
  EXPECT_EQ(p.weight_bytes(), 6 * 4 + 4 * 32 * 2 + 32 * 4 + 2 * 34);
  EXPECT_EQ(p.tensor(1).const_data_ptr(), p.tensor(4).const_data_ptr());
  std::vector<std::string> read;
  p.load(
      [&](const std::string& name, float* out, int64_t count) {
        read.push_back(name);
        std::fill_n(out, count, 0.3f);
      },
      [&](const std::string& name, Encoding encoding, std::span<std::byte> out) {
        if (name != "q") return false;
        EXPECT_EQ(encoding, Encoding::kQ8_0);
        std::ranges::fill(out, std::byte{1});
        return true;
      });
  EXPECT_EQ(read, (std::vector<std::string>{"a", "m", "n"}));
  const StoredMatrix *m = StoredMatrix::of(p.tensor(1)), *q = StoredMatrix::of(p.tensor(3));
  ASSERT_TRUE(m != nullptr && q != nullptr);
  std::vector<float> values(128);
  m->decode(0, 4, values.data());
  EXPECT_EQ(values, std::vector<float>(128, 0.30078125f)) << "bfloat16's nearest";
  EXPECT_EQ(q->bytes()[67], std::byte{1});
  EXPECT_EQ(p.kept_weights().size(), 4u) << "two groups, two matrices";
}

TEST(FlatParametersDeathTest, WhoReadsAMatrixInFewerBitsByItselfIsToldWhatToDo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const FlatParameters p(with_stored());
  EXPECT_EXIT(
      p.tensor(1).sum().item<float>(), testing::ExitedWithCode(1),
      "(^|\n)error: the model reads m by itself.*held in BF16.*lora.base_dtype = \"float32\"");
}

TEST(FlatParameters, LentGradientsBeginAnewFromZero) {
  FlatParameters p({{"a", {3, 20}}, {"n", {4}, true, false}, {"fixed", {500}, false}});
  for (int i = 0; i < 2; ++i) {
    p.zero_grad();
    EXPECT_FALSE(p.grads_lent());
    (p.tensor(0).sum() * 3).backward();
    EXPECT_DOUBLE_EQ(p.groups()[0].grads.sum().item<double>(), 180.0);
    const std::span<std::byte> memory = p.lend_grads();
    EXPECT_TRUE(p.grads_lent());
    ASSERT_GE(memory.size(), 60 * sizeof(float));  // those of the largest group that is trained
    std::ranges::fill(memory, std::byte{0x7f});
    EXPECT_DOUBLE_EQ(p.tensor(0).detach().sum().item<double>(), 0.0);
  }
  p.zero_grad();
  EXPECT_DOUBLE_EQ(p.grad_norm(), 0.0);
  FlatParameters none({{"fixed", {500}, false}});
  EXPECT_TRUE(none.lend_grads().empty());
  EXPECT_FALSE(none.grads_lent());
}

TEST(FlatParameters, EqualSeedsGiveEqualWeights) {
  const auto first = [](uint64_t seed) {
    FlatParameters p({{"a", {100}}});
    p.initialise(seed);
    return p.tensor(0).detach().clone();
  };
  EXPECT_TRUE(at::equal(first(1), first(1)));
  EXPECT_FALSE(at::equal(first(1), first(2)));
}

TEST(FlatParameters, ATieMustFit) {
  EXPECT_THROW(FlatParameters({{"a", {2}}, {"b", {3}, true, true, 0}}), Error);
  EXPECT_THROW(FlatParameters({{"b", {3}, true, true, 7}}), Error);
}

TEST(FlatParameters, SizesThatNoMemoryHoldsAreToldInTheirOwnWords) {
  const auto refusal = [](std::vector<int64_t> shape) -> std::string {
    try {
      FlatParameters({{"wide", std::move(shape)}});
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(refusal({int64_t{1} << 40, 1024}),
            "out of memory: the model's weights need 4194304.0 GiB");
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{int64_t{1} << 40, int64_t{1} << 40}, {-3, 4}, {int64_t{1} << 62, 4}})
    EXPECT_NE(refusal(shape).find("parameter wide: ["), std::string::npos) << refusal(shape);
}

}  // namespace
}  // namespace slipway
