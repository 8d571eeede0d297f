// The halves of a decoder block with every option, against compositions of LibTorch's own: values
// and every gradient.
#include <gmock/gmock.h>

#include "base/error.h"
#include "operators/rounding_scope.h"
#include "operators/blocks.h"
#include "operators/key_value_cache.h"
#include "tests/unit/largest.h"
#include "tests/unit/operators/block_cases.h"

namespace slipway {
namespace {

constexpr int64_t kTokens = 90;

// Three sequences, one of them longer than a block of queries.
struct Sequences {
  AttentionContext context = AttentionContext::packed({0, 7, 8, kTokens});
  at::Tensor positions = at::cat({at::arange(7), at::arange(1), at::arange(kTokens - 8)});
  // [T, T]: which keys a query sees.
  at::Tensor allowed(int64_t window) const {
    const at::Tensor sequence =
                         at::cat({at::zeros({7}), at::ones({1}), at::full({kTokens - 8}, 2)}),
                     back = positions.unsqueeze(1) - positions.unsqueeze(0);
    at::Tensor out = sequence.unsqueeze(1).eq(sequence.unsqueeze(0)).logical_and(back.ge(0));
    return window > 0 ? out.logical_and(back.lt(window)) : out;
  }
};

TEST(BlockOptions, AttentionEqualsItsParts) {
  const Sequences s;
  for (const AttentionCase& c : attention_cases()) {
    const double difference = plain::largest_difference(
        at::randn({kTokens, 40}), plain::weights(c.block),
        [&](const at::Tensor& x, const std::vector<at::Tensor>& w) {
          return attention_block(x, plain::with(c.block, w), s.positions, 0, s.context.handle());
        },
        [&](const at::Tensor& x, const std::vector<at::Tensor>& w) {
          return plain::attention(x, plain::with(c.block, w), s.positions,
                                  s.allowed(c.block.window));
        });
    std::printf("%s: largest difference %.3g\n", c.name, difference);
    EXPECT_LT(difference, 1e-5) << c.name;
  }
}

// Prompts go into the cache, whole or in pieces, and rows go on from them: as the packed forward,
// which keeps what it needs for a backward pass, and as another that does not.
TEST(BlockOptions, DecodingContinuesThePackedForward) {
  constexpr int64_t kAll = 260, kPrompt = 200;
  const at::Tensor places = at::arange(kAll), all = at::randn({kAll, 40});
  for (AttentionCase& c : attention_cases()) {
    const auto block = [&](int64_t first, int64_t count, const AttentionContext& context) {
      return attention_block(all.narrow(0, first, count), c.block, places.narrow(0, first, count),
                             0, context.handle());
    };
    AttentionBlock recorded_block = c.block;
    recorded_block.o = c.block.o.clone().requires_grad_(true);
    const AttentionContext whole_context = AttentionContext::packed({0, kAll});
    const at::Tensor recorded =
        attention_block(all, recorded_block, places, 0, whole_context.handle()).detach();
    const at::NoGradGuard no_grad;
    const at::Tensor whole = block(0, kAll, whole_context);
    EXPECT_TRUE(at::equal(recorded, whole)) << c.name;
    const auto cache = KeyValueCache::make({1, 2, 10}, {1, kPrompt, 1, kAll - kPrompt});
    for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 2 * kQueryBlock},
                                       {2 * kQueryBlock, kPrompt - 2 * kQueryBlock}}) {
      AttentionContext piece = AttentionContext::packed({0, static_cast<int32_t>(count)});
      piece.cache = cache.get(), piece.regions = {0}, piece.cached = {first};
      EXPECT_TRUE(at::equal(block(first, count, piece), whole.narrow(0, first, count))) << c.name;
    }
    double difference = 0;
    for (int64_t t = kPrompt; t < kAll; ++t) {
      AttentionContext step;
      step.mode = AttentionContext::Mode::kDecode;
      step.cache = cache.get(), step.rows = {{0, kPrompt, 0, t - kPrompt}};
      difference =
          largest_of({difference, (block(t, 1, step)[0] - whole[t]).abs().max().item<double>()});
    }
    std::printf("%s: decoding differs by %.3g at most\n", c.name, difference);
    EXPECT_LT(difference, 1e-5) << c.name;
  }
}

// An answer to a shared prompt sees of the prompt what its window reaches.
TEST(BlockOptions, SharedPromptEqualsPromptsApart) {
  const AttentionContext shared = AttentionContext::packed({{{{0, 5}, {5, 60}, {65, 7}}}}, 72),
                         apart = AttentionContext::packed({0, 65, 77});
  const at::Tensor positions = at::cat({at::arange(65), at::arange(5, 12)}),
                   apart_positions = at::cat({at::arange(65), at::arange(12)}),
                   from = at::cat({at::arange(65), at::arange(5), at::arange(65, 72)});
  for (const AttentionCase& c : attention_cases()) {
    const double difference = plain::largest_difference(
        at::randn({72, 40}), plain::weights(c.block),
        [&](const at::Tensor& x, const std::vector<at::Tensor>& w) {
          return attention_block(x, plain::with(c.block, w), positions, 0, shared.handle())
              .index_select(0, from);
        },
        [&](const at::Tensor& x, const std::vector<at::Tensor>& w) {
          return attention_block(x.index_select(0, from), plain::with(c.block, w), apart_positions,
                                 0, apart.handle());
        });
    std::printf("%s: a shared prompt differs by %.3g\n", c.name, difference);
    EXPECT_LT(difference, 1e-5) << c.name;
  }
}

TEST(BlockOptions, FeedForwardEqualsItsParts) {
  for (const FeedForwardCase& c : feed_forward_cases()) {
    const double difference = plain::largest_difference(
        at::randn({kTokens, 40}), plain::weights(c.block),
        [&](const at::Tensor& x, const std::vector<at::Tensor>& w) {
          return feed_forward_block(x, plain::with(c.block, w));
        },
        [&](const at::Tensor& x, const std::vector<at::Tensor>& w) {
          return plain::feed_forward(x, plain::with(c.block, w));
        });
    std::printf("%s: largest difference %.3g\n", c.name, difference);
    EXPECT_LT(difference, 1e-5) << c.name;
  }
}

TEST(BlockOptions, ManyRowsOfAFeedForwardComeToTheBitsOfFew) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::randn({2 * kSwiGluRows + 77, 40});
  for (const FeedForwardCase& c : feed_forward_cases()) {
    const at::Tensor all = feed_forward_block(x, c.block);
    for (const int64_t row : {int64_t{0}, kSwiGluRows, x.size(0) - 1})
      EXPECT_TRUE(at::equal(feed_forward_block(x.narrow(0, row, 1), c.block)[0], all[row]))
          << c.name;
  }
}

// Every weight that has a gradient buffer is added to there, those of norms and biases among them.
TEST(BlockOptions, GradientsGoIntoTheirBuffers) {
  const Sequences s;
  const auto compare = [&](const char* name, auto block, const auto& run) {
    std::vector<at::Tensor> weights = plain::weights(block);
    for (at::Tensor& w : weights) w = w.clone().requires_grad_(true);
    block = plain::with(block, weights);
    const at::Tensor x = at::randn({kTokens, 40}).requires_grad_(true);
    run(x, block).sum().backward();
    std::vector<at::Tensor> plain_gradients;
    for (at::Tensor& w : weights) {
      plain_gradients.push_back(w.grad().clone());
      w.mutable_grad().fill_(1);
    }
    std::vector<const void*> buffers;
    for (const at::Tensor& w : weights) buffers.push_back(w.grad().const_data_ptr());
    run(x, block).sum().backward();
    for (size_t i = 0; i < weights.size(); ++i) {
      EXPECT_EQ(weights[i].grad().const_data_ptr(), buffers[i]) << name << ", weight " << i;
      EXPECT_LT((weights[i].grad() - 1 - plain_gradients[i]).abs().max().item<double>(),
                1e-4 * std::max(1.0, plain_gradients[i].abs().max().item<double>()))
          << name << ", weight " << i;
    }
  };
  for (const AttentionCase& c : attention_cases())
    compare(c.name, c.block, [&](const at::Tensor& x, const AttentionBlock& b) {
      return attention_block(x, b, s.positions, 0, s.context.handle());
    });
  for (const FeedForwardCase& c : feed_forward_cases())
    compare(c.name, c.block, [](const at::Tensor& x, const FeedForwardBlock& b) {
      return feed_forward_block(x, b);
    });
}

// What bfloat16 does to a block is near float32, and the same whether it is recorded or not.
TEST(BlockOptions, RoundedBlocksAreNearFloat32) {
  if (!why_no_bf16().empty()) GTEST_SKIP() << "skipped: " << why_no_bf16();
  const Sequences s;
  const auto compare = [&](const char* name, const auto& block, const auto& run) {
    std::vector<at::Tensor> weights = plain::weights(block);
    const at::Tensor x = at::randn({kTokens, 40});
    const auto way = [&](const at::Tensor& in, const std::vector<at::Tensor>& w) {
      return run(in, plain::with(block, w));
    };
    std::vector<at::Tensor> of_rounded, of_exact;
    for (const bool on : {true, false}) {
      const ProductRoundingScope scope(on ? Rounding::kBfloat16 : Rounding::kNone);
      std::vector<at::Tensor> leaves;
      for (const at::Tensor& w : weights) leaves.push_back(w.clone().requires_grad_(true));
      const at::Tensor leaf = x.clone().requires_grad_(true), y = way(leaf, leaves);
      {
        const at::NoGradGuard no_grad;
        EXPECT_TRUE(at::equal(way(leaf, leaves), y)) << name;
      }
      y.pow(2).sum().backward();
      std::vector<at::Tensor>& to = on ? of_rounded : of_exact;
      to.push_back(y.detach() - x), to.push_back(leaf.grad());
      for (const at::Tensor& w : leaves) to.push_back(w.grad());
    }
    double largest = 0;
    for (size_t i = 0; i < of_exact.size(); ++i)
      largest = largest_of(
          {largest, ((of_rounded[i] - of_exact[i]).norm() / of_exact[i].norm()).item<double>()});
    std::printf("%s: bfloat16 differs by %.2g of its size\n", name, largest);
    EXPECT_LT(largest, 0.03) << name;
    EXPECT_GT(largest, 1e-4) << name;
  };
  for (const AttentionCase& c : attention_cases())
    compare(c.name, c.block, [&](const at::Tensor& x, const AttentionBlock& b) {
      return attention_block(x, b, s.positions, 0, s.context.handle());
    });
  for (const FeedForwardCase& c : feed_forward_cases())
    compare(c.name, c.block, [](const at::Tensor& x, const FeedForwardBlock& b) {
      return feed_forward_block(x, b);
    });
}

std::string refusal_of(const auto& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(BlockOptions, WhatDoesNotFitIsRefusedByName) {
  const Sequences s;
  const at::Tensor x = at::randn({kTokens, 40});
  const auto attention = [&](const auto& change) {
    AttentionBlock b = plain::attention_weights({40, 6, 2, 10});
    change(b);
    return refusal_of([&] { attention_block(x, b, s.positions, 0, s.context.handle()); });
  };
  EXPECT_EQ(attention([](AttentionBlock&) {}), "");
  EXPECT_EQ(attention([](AttentionBlock& b) { b.k_bias = at::zeros({60}); }),
            "slipway::attention_block_v2: k_bias must be float32 [20] without gaps, beside x; was "
            "given float32 [60]");
  EXPECT_THAT(attention([](AttentionBlock& b) { b.k = at::Tensor(); }),
              testing::HasSubstr("k must be"));
  EXPECT_THAT(attention([](AttentionBlock& b) { b.norm_bias = at::zeros({40}); }),
              testing::HasSubstr("norm_bias was given"));
  EXPECT_THAT(attention([](AttentionBlock& b) { b.q_norm = at::zeros({11}); }),
              testing::HasSubstr("q_norm must be float32 [10]"));
  EXPECT_THAT(attention([](AttentionBlock& b) { b.window = -1; }), testing::HasSubstr("window"));
  EXPECT_THAT(attention([](AttentionBlock& b) { b.softcap = -1; }), testing::HasSubstr("softcap"));
  EXPECT_THAT(attention([](AttentionBlock& b) { b.inverse_frequencies = at::ones({6}); }),
              testing::HasSubstr("inverse_frequencies"));
  EXPECT_THAT(attention([](AttentionBlock& b) { b.heads = 5; }), testing::HasSubstr("5 heads"));
  const auto feed_forward = [&](const auto& change) {
    FeedForwardBlock b = plain::feed_forward_weights(40, 52);
    change(b);
    return refusal_of([&] { feed_forward_block(x, b); });
  };
  EXPECT_EQ(feed_forward([](FeedForwardBlock&) {}), "");
  EXPECT_THAT(feed_forward([](FeedForwardBlock& b) { b.fused = true; }),
              testing::HasSubstr("up must be"));
  EXPECT_THAT(feed_forward([](FeedForwardBlock& b) { b.up_bias = at::zeros({52}); }),
              testing::HasSubstr("gate_bias and up_bias come together"));
  EXPECT_THAT(feed_forward([](FeedForwardBlock& b) { b.down = at::zeros({40, 51}); }),
              testing::HasSubstr("up must be float32 [51, 40]"));
}

}  // namespace
}  // namespace slipway
