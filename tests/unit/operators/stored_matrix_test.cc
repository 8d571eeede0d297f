// Matrices in fewer bits: products with them are those with the float32 values that they stand for.
#include "operators/stored_matrix.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "compute/page_buffer.h"
#include "operators/adapters.h"
#include "operators/linear.h"
#include "operators/packed_weights.h"
#include "tests/unit/operators/block_cases.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

// A matrix whose float32 values have addresses and no memory: whoever reads them ends the test.
class Stored {
 public:
  Stored(const at::Tensor& values, Encoding encoding)
      : pages_(values.numel(), PageBuffer::Released::kGuarded, "a test's weights"),
        w(pages_.values().narrow(0, 0, values.numel()).view(values.sizes()).detach()),
        matrix(w, encoding) {
    const at::Tensor whole = values.contiguous();
    matrix.encode(whole.const_data_ptr<float>());
  }

 private:
  PageBuffer pages_;

 public:
  const at::Tensor w;
  StoredMatrix matrix;

  at::Tensor values() const {
    at::Tensor out = at::empty({w.size(0), w.size(1)});
    matrix.decode(0, w.size(0), out.data_ptr<float>());
    return out;
  }
};

double largest(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(StoredMatrix, HoldsRoundedValues) {
  const at::Tensor values = at::randn({33, 64});
  const Stored bfloat16(values, Encoding::kBF16), int8(values, Encoding::kQ8_0),
      float16(values, Encoding::kF16);
  EXPECT_TRUE(at::equal(bfloat16.values(), values.to(at::kBFloat16).to(at::kFloat)));
  EXPECT_TRUE(at::equal(float16.values(), values.to(at::kHalf).to(at::kFloat)));
  EXPECT_LT(largest(int8.values(), values), values.abs().max().item<double>() / 127);
  EXPECT_EQ(bfloat16.matrix.bytes().size(), 33u * 128);
  EXPECT_EQ(int8.matrix.bytes().size(), 33u * 2 * 34);
  EXPECT_THAT([&] { Stored(at::randn({2, 40}), Encoding::kQ8_0); },
              ThrowsMessage<Error>(HasSubstr("40 columns has no whole blocks of Q8_0")));
  EXPECT_THAT([&] { Stored(at::full({2, 32}, INFINITY), Encoding::kBF16); },
              ThrowsMessage<Error>(HasSubstr("not finite")));
  EXPECT_THAT([&] { Stored(values, Encoding::kQ4_K); }, ThrowsMessage<Error>(HasSubstr("Q4_K")));
}

TEST(StoredMatrix, IsFoundByItsAddressWhileItLives) {
  const at::Tensor values = at::randn({4, 8});
  EXPECT_EQ(StoredMatrix::of(values), nullptr);
  {
    const StoredMatrix stored(values, Encoding::kBF16);
    EXPECT_EQ(StoredMatrix::of(values), &stored);
    EXPECT_EQ(StoredMatrix::of(values.narrow(0, 1, 3)), nullptr);
  }
  EXPECT_EQ(StoredMatrix::of(values), nullptr);
}

// y and the gradient of x.
std::vector<at::Tensor> through(const at::Tensor& x_in, const at::Tensor& w) {
  const at::Tensor x = x_in.clone().requires_grad_(true), y = slipway::linear(x, w);
  y.backward(at::cos(y.detach()));
  return {y.detach(), x.grad()};
}

TEST(StoredMatrix, ProductsAreThoseOfItsValues) {
  plain::seed(3);
  for (const Encoding encoding : {Encoding::kBF16, Encoding::kQ8_0})
    for (const int64_t rows : {1, 70}) {
      const Stored stored(at::randn({50, 64}), encoding);
      const at::Tensor x = at::randn({rows, 64});
      const auto ours = through(x, stored.w), theirs = through(x, stored.values());
      EXPECT_TRUE(at::equal(ours[0], theirs[0]) && at::equal(ours[1], theirs[1])) << rows;
    }
}

TEST(StoredMatrix, OneThatIsTooLargeAtOnceIsReadInParts) {
  plain::seed(4);
  const Stored stored(at::randn({9000, 256}), Encoding::kBF16);  // 2.3 million values
  ASSERT_LT(rows_of_part(256), 9000);
  const at::Tensor x = at::randn({5, 256});
  const auto ours = through(x, stored.w), theirs = through(x, stored.values());
  EXPECT_TRUE(at::equal(ours[0], theirs[0]));
  const double difference = largest(ours[1], theirs[1]) / theirs[1].abs().max().item<double>();
  std::printf("gradient of the input, in parts: largest difference %.3g (relative)\n", difference);
  EXPECT_LT(difference, 1e-6);
}

TEST(StoredMatrix, RowsOfATableAreLookedUp) {
  const Stored stored(at::randn({30, 32}), Encoding::kQ8_0);
  const at::Tensor ids = at::tensor({3, 29, 0, 3}, at::kLong);
  EXPECT_TRUE(at::equal(slipway::embedding(stored.w, ids), at::embedding(stored.values(), ids)));
  EXPECT_THAT([&] { slipway::embedding(stored.w, at::tensor({30}, at::kLong)); },
              ThrowsMessage<Error>(HasSubstr("token 30 is not in the vocabulary of 30")));
}

TEST(StoredMatrix, WhatNoProductOfTheHostsTakesIsRefused) {
  const Stored stored(at::randn({6, 8}), Encoding::kBF16);
  EXPECT_THAT([&] { slipway::linear(at::randn({2, 3, 8}), stored.w); },
              ThrowsMessage<Error>(HasSubstr("lora.base_dtype")));
}

TEST(StoredMatrix, IsPackedWithWhatItsAdapterAdds) {
  const at::NoGradGuard no_grad;
  const Stored stored(at::randn({9000, 256}), Encoding::kBF16);  // in parts
  const at::Tensor x = at::randn({3, 256}), a = at::randn({2, 256}), b = at::randn({9000, 2});
  Adapters adapters;
  adapters.add(stored.w, {a, b, 0.5});
  PackedWeights packed;
  packed.keep_those_in({stored.w});
  for (const WeightStorage storage : {WeightStorage::kFloat32, WeightStorage::kBfloat16}) {
    packed.forget(storage);
    const at::Tensor merged = stored.values() + 0.5 * b.matmul(a);
    PackedWeights plain_packed;
    plain_packed.keep_those_in({merged});
    plain_packed.forget(storage);
    const auto decoded = [&](PackedWeights& from, const at::Tensor& w) {
      const PackedWeightsScope scope(from);
      return slipway::linear(x, w);
    };
    const at::Tensor theirs = decoded(plain_packed, merged);
    const AdaptersScope scope(&adapters);
    const double difference = largest(decoded(packed, stored.w), theirs);
    std::printf("decoding with an adapter: largest difference %.3g\n", difference);
    EXPECT_LT(difference, storage == WeightStorage::kFloat32 ? 1e-4 : 0.5);
  }
}

// Every kind of block, all its matrices in bfloat16.
template <class Block>
struct StoredBlock {
  explicit StoredBlock(const Block& block) : plain_block(block) {
    std::vector<at::Tensor> kept, twins;
    for (const at::Tensor& w : plain::weights(block)) {
      const bool matrix = w.dim() == 2;
      kept.push_back(matrix ? w.to(at::kBFloat16).to(at::kFloat) : w);
      if (matrix) matrices.push_back(std::make_unique<Stored>(w, Encoding::kBF16));
      twins.push_back(matrix ? matrices.back()->w : w);
    }
    plain_block = plain::with(block, kept);
    stored_block = plain::with(block, twins);
  }
  Block plain_block, stored_block;
  std::vector<std::unique_ptr<Stored>> matrices;
};

template <class Run>
void expect_equal_blocks(const char* name, const Run& run) {
  const at::Tensor start = at::randn({12, 40});
  std::vector<at::Tensor> results;
  for (const bool stored : {true, false}) {
    const at::Tensor x = start.clone().requires_grad_(true), y = run(x, stored);
    y.backward(at::cos(y.detach()));
    results.insert(results.end(), {y.detach(), x.grad()});
  }
  EXPECT_TRUE(at::equal(results[0], results[2])) << name;
  EXPECT_TRUE(at::equal(results[1], results[3])) << name;
}

TEST(StoredMatrix, BlocksAreThoseOfItsValues) {
  const AttentionContext context = AttentionContext::packed({0, 12});
  for (const AttentionCase& c : attention_cases()) {
    const StoredBlock<AttentionBlock> block(c.block);
    expect_equal_blocks(c.name, [&](const at::Tensor& x, bool stored) {
      return attention_block(x, stored ? block.stored_block : block.plain_block, at::arange(12), 0,
                             context.handle());
    });
  }
  for (const FeedForwardCase& c : feed_forward_cases()) {
    const StoredBlock<FeedForwardBlock> block(c.block);
    expect_equal_blocks(c.name, [&](const at::Tensor& x, bool stored) {
      return feed_forward_block(x, stored ? block.stored_block : block.plain_block);
    });
  }
}

}  // namespace
}  // namespace slipway
