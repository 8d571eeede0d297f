// The halves of a decoder block against compositions of LibTorch's own: values and every gradient;
// decoding against the packed forward; answers that share a prompt against the same laid out apart.
#include "operators/blocks.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/cpu/attention_kernel.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/key_value_cache.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

constexpr int64_t kHidden = 40, kHeads = 6, kKvHeads = 2, kWidth = 10, kInner = 52;
constexpr double kEps = 1e-5, kTheta = 10000.0, kScale = 0.3;

double largest(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}
at::Tensor leaf(at::IntArrayRef shape, double scale = 1) {
  return (at::randn(shape) * scale).requires_grad_(true);
}

std::vector<at::Tensor> attention_leaves(int64_t tokens) {
  return {leaf({tokens, kHidden}),
          leaf({kHidden}),
          leaf({kHeads * kWidth, kHidden}, 0.2),
          leaf({kKvHeads * kWidth, kHidden}, 0.2),
          leaf({kKvHeads * kWidth, kHidden}, 0.2),
          leaf({kHidden, kHeads * kWidth}, 0.2)};
}
AttentionWeights weights_of(const std::vector<at::Tensor>& x) {
  return {x[1], x[2], x[3], x[4], x[5]};
}
std::vector<at::Tensor> copies(const std::vector<at::Tensor>& x) {
  std::vector<at::Tensor> out;
  for (const at::Tensor& t : x) out.push_back(t.detach().clone().requires_grad_(true));
  return out;
}

at::Tensor norm(const at::Tensor& x, const at::Tensor& w) {
  return x * at::rsqrt(x.pow(2).mean(-1, true) + kEps) * w;
}
at::Tensor turn(const at::Tensor& x_THD, const at::Tensor& positions) {
  const int64_t half = x_THD.size(2) / 2;
  const at::Tensor inverse =
      at::pow(at::scalar_tensor(static_cast<float>(kTheta)),
              at::arange(0, 2 * half, 2, at::kFloat) / static_cast<double>(2 * half))
          .reciprocal();
  const at::Tensor angle = at::outer(positions.to(at::kFloat), inverse),
                   both = at::cat({angle, angle}, 1).unsqueeze(1);
  return x_THD * both.cos() +
         at::cat({-x_THD.narrow(2, half, half), x_THD.narrow(2, 0, half)}, 2) * both.sin();
}

at::Tensor plain_attention(const std::vector<at::Tensor>& x, const at::Tensor& positions,
                           const at::Tensor& allowed_TT) {
  const int64_t t = x[0].size(0);
  const at::Tensor h = norm(x[0], x[1]);
  const at::Tensor
      q = turn(at::linear(h, x[2]).view({t, kHeads, kWidth}), positions),
      k = turn(at::linear(h, x[3]).view({t, kKvHeads, kWidth}), positions)
              .repeat_interleave(kHeads / kKvHeads, 1),
      v = at::linear(h, x[4]).view({t, kKvHeads, kWidth}).repeat_interleave(kHeads / kKvHeads, 1);
  const at::Tensor p = at::softmax((at::einsum("qhd,khd->hqk", {q, k}) * kScale)
                                       .masked_fill(allowed_TT.logical_not(), -INFINITY),
                                   -1);
  return x[0] + at::linear(at::einsum("hqk,khd->qhd", {p, v}).reshape({t, kHeads * kWidth}), x[5]);
}

// Largest difference of values and gradients of two functions on equal leaves.
template <class Ours, class Theirs>
double compare(const std::vector<at::Tensor>& leaves, Ours ours, Theirs theirs) {
  const std::vector<at::Tensor> a = copies(leaves), b = copies(leaves);
  const at::Tensor out_a = ours(a), out_b = theirs(b), weights = at::randn(out_a.sizes());
  double difference = largest(out_a.detach(), out_b.detach());
  (out_a * weights).sum().backward();
  (out_b * weights).sum().backward();
  for (size_t i = 0; i < a.size(); ++i)
    difference = largest_of({difference, largest(a[i].grad(), b[i].grad())});
  return difference;
}

TEST(Blocks, AttentionEqualsItsParts) {
  at::manual_seed(1);
  // the last is longer than a block of queries
  const std::vector<int32_t> cu_seqlens = {0, 3, 4, 120};
  std::vector<int64_t> positions;
  at::Tensor allowed = at::zeros({120, 120}, at::kBool);
  for (size_t s = 0; s + 1 < cu_seqlens.size(); ++s)
    for (int t = cu_seqlens[s]; t < cu_seqlens[s + 1]; ++t) {
      positions.push_back(t - cu_seqlens[s]);
      allowed[t].narrow(0, cu_seqlens[s], t - cu_seqlens[s] + 1).fill_(true);
    }
  const AttentionContext context = AttentionContext::packed(cu_seqlens);
  const double difference = compare(
      attention_leaves(120),
      [&](auto& x) {
        return attention_block(x[0], weights_of(x), int64_tensor(positions), kHeads, kKvHeads, kEps,
                               kTheta, kScale, 0, context.handle());
      },
      [&](auto& x) { return plain_attention(x, int64_tensor(positions), allowed); });
  std::printf("attention block: largest difference %.3g\n", difference);
  EXPECT_LT(difference, 1e-4);
}

TEST(Blocks, SharedPromptEqualsPromptsApart) {
  at::manual_seed(2);
  // A prompt of 5 with answers of 60 and 7, then another sequence; apart, the prompt lies there
  // twice. from: where each token of the apart layout lies in the shared one
  std::vector<int64_t> positions, apart_positions, from;
  const auto run = [](std::vector<int64_t>& to, int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; ++i) to.push_back(first + i);
  };
  run(positions, 0, 5), run(positions, 5, 60), run(positions, 5, 7), run(positions, 0, 3);
  run(apart_positions, 0, 65), run(apart_positions, 0, 12), run(apart_positions, 0, 3);
  run(from, 0, 65), run(from, 0, 5), run(from, 65, 7), run(from, 72, 3);
  const AttentionContext shared = AttentionContext::packed(
                             {{{{0, 5}, {5, 60}, {65, 7}}}, {{{72, 3}}}}, 75),
                         apart = AttentionContext::packed({0, 65, 77, 80});
  const double difference = compare(
      attention_leaves(75),
      [&](auto& x) {
        return attention_block(x[0], weights_of(x), int64_tensor(positions), kHeads, kKvHeads, kEps,
                               kTheta, kScale, 0, shared.handle())
            .index_select(0, int64_tensor(from));
      },
      [&](auto& x) {
        return attention_block(x[0].index_select(0, int64_tensor(from)), weights_of(x),
                               int64_tensor(apart_positions), kHeads, kKvHeads, kEps, kTheta,
                               kScale, 0, apart.handle());
      });
  std::printf("shared prompt: largest difference %.3g\n", difference);
  EXPECT_LT(difference, 1e-4);
}

TEST(Blocks, DecodingContinuesThePackedForward) {
  at::manual_seed(3);
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> x = attention_leaves(40);
  const auto block = [&](const at::Tensor& rows, const std::vector<int64_t>& positions,
                         const AttentionContext& context) {
    return attention_block(rows, weights_of(x), int64_tensor(positions), kHeads, kKvHeads, kEps,
                           kTheta, kScale, 1, context.handle());
  };
  std::vector<int64_t> positions(40);
  for (int64_t i = 0; i < 40; ++i) positions[static_cast<size_t>(i)] = i;
  const at::Tensor whole = block(x[0], positions, AttentionContext::packed({0, 40}));
  const auto cache = KeyValueCache::make({2, kKvHeads, kWidth}, {3, 20, 2, 25});
  AttentionContext prefill = AttentionContext::packed({0, 17});
  prefill.cache = cache.get();
  prefill.regions = {2};
  double difference =
      largest(block(x[0].narrow(0, 0, 17), {positions.begin(), positions.begin() + 17}, prefill),
              whole.narrow(0, 0, 17));
  for (int64_t t = 17; t < 40; ++t) {
    AttentionContext step;
    step.mode = AttentionContext::Mode::kDecode;
    step.cache = cache.get();
    step.rows = {{2, 17, 1, t - 17}, {2, 17, 0, t - 17}};  // two rows go on from one prompt
    const at::Tensor out = block(x[0].narrow(0, t, 1).repeat({2, 1}), {t, t}, step);
    difference = largest_of({difference, largest(out[0], whole[t]), largest(out[1], whole[t])});
  }
  std::printf("decoding: largest difference %.3g\n", difference);
  EXPECT_LT(difference, 1e-5);
}

TEST(Blocks, ARowDecodesToTheSameBitsInAnyCompany) {
  at::manual_seed(7);
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> x = attention_leaves(20);
  constexpr int64_t kRows = 21, kSteps = 30;
  const auto together = KeyValueCache::make({1, kKvHeads, kWidth}, {2, 12, kRows, kSteps}),
             alone = KeyValueCache::make({1, kKvHeads, kWidth}, {2, 12, kRows, kSteps});
  const auto block = [&](const at::Tensor& rows, const std::vector<int64_t>& positions,
                         const AttentionContext& context) {
    return attention_block(rows, weights_of(x), int64_tensor(positions), kHeads, kKvHeads, kEps,
                           kTheta, kScale, 0, context.handle());
  };
  std::vector<int64_t> positions(20);
  for (int64_t i = 0; i < 20; ++i) positions[static_cast<size_t>(i)] = i < 12 ? i : i - 12;
  for (KeyValueCache* cache : {together.get(), alone.get()}) {
    AttentionContext prefill = AttentionContext::packed({0, 12, 20});
    prefill.cache = cache;
    prefill.regions = {0, 1};
    block(x[0], positions, prefill);
  }
  const auto decode = [&](KeyValueCache& cache, const std::vector<AttentionContext::Row>& rows,
                          const at::Tensor& inputs) {
    AttentionContext step;
    step.mode = AttentionContext::Mode::kDecode;
    step.cache = &cache;
    step.rows = rows;
    std::vector<int64_t> at;
    for (const AttentionContext::Row& row : rows) at.push_back(row.prompt_length + row.length);
    return block(inputs, at, step);
  };
  for (int64_t step = 0; step < kSteps; ++step) {
    // 13 of one prompt, 8 of the other; each begins a step after the one before
    std::vector<AttentionContext::Row> rows;
    for (int64_t r = 0; r < kRows && r <= step; ++r)
      rows.push_back({r < 13 ? 0 : 1, r < 13 ? 12 : 8, r, step - r});
    const at::Tensor inputs = at::randn({static_cast<int64_t>(rows.size()), kHidden}),
                     out = decode(*together, rows, inputs);
    for (size_t r = 0; r < rows.size(); ++r) {
      const auto i = static_cast<int64_t>(r);
      ASSERT_TRUE(at::equal(decode(*alone, {rows[r]}, inputs.narrow(0, i, 1))[0], out[i]))
          << "row " << r << ", step " << step;
    }
  }
}

// Long rows are cut into parts, and short ones beside them with them: nobody's bits change.
TEST(Blocks, LongRowsDecodeByPartsOfTheirKeys) {
  at::manual_seed(12);
  const at::NoGradGuard no_grad;
  constexpr int64_t kTokens = 960, kPrompt = 700, kShort = 8;
  ASSERT_GT(kPrompt, 3 * kKeyTile);
  ASSERT_GT(kTokens - kPrompt, kKeyTile) << "own tokens of several parts, too";
  const std::vector<at::Tensor> x = attention_leaves(kTokens);
  const auto block = [&](const at::Tensor& rows, const at::Tensor& positions,
                         const AttentionContext& context) {
    return attention_block(rows, weights_of(x), positions, kHeads, kKvHeads, kEps, kTheta, kScale,
                           0, context.handle());
  };
  const at::Tensor places = at::arange(kTokens, at::kLong),
                   whole = block(x[0], places, AttentionContext::packed({0, kTokens}));
  const auto together = KeyValueCache::make({1, kKvHeads, kWidth}, {2, kPrompt, 4, 300}),
             alone = KeyValueCache::make({1, kKvHeads, kWidth}, {2, kPrompt, 4, 300});
  for (KeyValueCache* cache : {together.get(), alone.get()}) {
    AttentionContext prefill = AttentionContext::packed({0, kPrompt, kPrompt + kShort});
    prefill.cache = cache;
    prefill.regions = {1, 0};
    block(at::cat({x[0].narrow(0, 0, kPrompt), x[0].narrow(0, 0, kShort)}),
          at::cat({places.narrow(0, 0, kPrompt), places.narrow(0, 0, kShort)}), prefill);
  }
  const auto decode = [&](KeyValueCache& cache, const std::vector<AttentionContext::Row>& rows,
                          const at::Tensor& inputs) {
    AttentionContext step;
    step.mode = AttentionContext::Mode::kDecode;
    step.cache = &cache;
    step.rows = rows;
    std::vector<int64_t> at;
    for (const AttentionContext::Row& row : rows) at.push_back(row.prompt_length + row.length);
    return block(inputs, int64_tensor(at), step);
  };
  double difference = 0;
  for (int64_t t = kPrompt; t < kTokens; ++t) {
    // two go on as the whole does, one as it did from its start, one of noise
    const int64_t own = t - kPrompt;
    const std::vector<AttentionContext::Row> rows = {
        {1, kPrompt, 0, own}, {1, kPrompt, 3, own}, {0, kShort, 1, own}, {0, kShort, 2, own}};
    const at::Tensor inputs = at::cat({x[0].narrow(0, t, 1), at::randn({1, kHidden}),
                                       x[0].narrow(0, kShort + own, 1), x[0].narrow(0, t, 1)});
    const at::Tensor out = decode(*together, rows, inputs);
    difference =
        largest_of({difference, largest(out[0], whole[t]), largest(out[2], whole[kShort + own])});
    for (const int64_t r : {0, 1, 2, 3})
      ASSERT_TRUE(at::equal(
          decode(*alone, {rows[static_cast<size_t>(r)]}, inputs.narrow(0, r, 1))[0], out[r]))
          << "row " << r << ", token " << t;
  }
  std::printf("decoding long rows: largest difference %.3g\n", difference);
  EXPECT_LT(difference, 1e-5);
}

TEST(Blocks, SwiGluEqualsItsParts) {
  at::manual_seed(4);
  const double difference = compare(
      {leaf({70, kHidden}), leaf({kHidden}), leaf({kInner, kHidden}, 0.2),
       leaf({kInner, kHidden}, 0.2), leaf({kHidden, kInner}, 0.2)},
      [](auto& x) { return swiglu_block(x[0], {x[1], x[2], x[3], x[4]}, kEps); },
      [](auto& x) {
        const at::Tensor h = norm(x[0], x[1]);
        return x[0] + at::linear(at::silu(at::linear(h, x[2])) * at::linear(h, x[3]), x[4]);
      });
  std::printf("SwiGLU block: largest difference %.3g\n", difference);
  EXPECT_LT(difference, 1e-4);
}

TEST(Blocks, GradientsGoIntoTheirBuffersAndFrozenWeightsGetNone) {
  at::manual_seed(5);
  const at::Tensor x = leaf({9, kHidden});
  SwiGluWeights w{leaf({kHidden}), leaf({kInner, kHidden}), leaf({kInner, kHidden}),
                  at::randn({kHidden, kInner})};
  w.gate.mutable_grad() = at::ones_like(w.gate);
  const void* buffer = w.gate.grad().const_data_ptr();
  swiglu_block(x, w, kEps).sum().backward();
  const at::Tensor added = w.gate.grad().clone();
  EXPECT_EQ(w.gate.grad().const_data_ptr(), buffer);
  w.gate.mutable_grad() = at::Tensor();
  swiglu_block(x, w, kEps).sum().backward();
  EXPECT_LT(largest(added - 1, w.gate.grad()), 1e-4);
  EXPECT_FALSE(w.down.grad().defined());
}

TEST(Blocks, ShapesThatDoNotFitAreRefused) {
  const std::vector<at::Tensor> x = attention_leaves(4);
  const AttentionContext context = AttentionContext::packed({0, 4});
  const at::Tensor positions = int64_tensor({0, 1, 2, 3});
  const auto call = [&](const AttentionWeights& w, const at::Tensor& p, int64_t heads) {
    return attention_block(x[0], w, p, heads, kKvHeads, kEps, kTheta, kScale, 0, context.handle());
  };
  EXPECT_NO_THROW(call(weights_of(x), positions, kHeads));
  EXPECT_THROW(call(weights_of(x), positions, 5), Error);
  EXPECT_THROW(call(weights_of(x), int64_tensor({0, 1, 2}), kHeads), Error);
  EXPECT_THROW(call(weights_of(x), int64_tensor({0, 1, 2, -3}), kHeads), Error);
  EXPECT_THROW(call({x[1], x[2], x[3], x[4], x[2]}, positions, kHeads), Error);
  EXPECT_THROW(swiglu_block(x[0], {x[1], x[2], x[2], x[2]}, kEps), Error);
}

TEST(Blocks, AnInputThatChangedInPlaceIsAnErrorInTheBackwardPass) {
  const AttentionContext context = AttentionContext::packed({0, 4});
  const std::vector<at::Tensor> leaves = attention_leaves(4);
  for (const bool attends : {true, false}) {
    at::Tensor x = leaves[0] * 1;
    const at::Tensor gate = leaf({kInner, kHidden}), down = leaf({kHidden, kInner});
    const at::Tensor y =
        attends ? attention_block(x, weights_of(leaves), int64_tensor({0, 1, 2, 3}), kHeads,
                                  kKvHeads, kEps, kTheta, kScale, 0, context.handle())
                : swiglu_block(x, {leaves[1], gate, gate, down}, kEps);
    {
      const at::NoGradGuard no_grad;
      x.add_(1);
    }
    EXPECT_THROW(y.sum().backward(), Error);
  }
}

TEST(Blocks, AttentionOverSeveralPassesOfKeys) {
  at::manual_seed(9);
  constexpr int64_t kTokens = 600;
  ASSERT_GT(kTokens, 2 * gemm::chain_depth(kTokens))
      << "longer than two passes of a product over keys";
  const at::Tensor positions = at::arange(kTokens, at::kLong),
                   allowed = at::ones({kTokens, kTokens}, at::kBool).tril();
  const AttentionContext context = AttentionContext::packed({0, kTokens});
  const double difference = compare(
      attention_leaves(kTokens),
      [&](auto& x) {
        return attention_block(x[0], weights_of(x), positions, kHeads, kKvHeads, kEps, kTheta,
                               kScale, 0, context.handle());
      },
      [&](auto& x) { return plain_attention(x, positions, allowed); });
  std::printf("attention over %lld keys: largest difference %.3g\n",
              static_cast<long long>(kTokens), difference);
  EXPECT_LT(difference, 2e-4);
}

// A prompt that comes in pieces ends as it does in one go, and so do the rows that go on from it.
TEST(Blocks, APromptInPiecesComesToTheSameBits) {
  at::manual_seed(10);
  const at::NoGradGuard no_grad;
  constexpr int64_t kTokens = 500, kOther = 70;
  const std::vector<at::Tensor> x = attention_leaves(kTokens + kOther);
  std::vector<int64_t> positions(kTokens + kOther);
  for (int64_t i = 0; i < kTokens + kOther; ++i)
    positions[static_cast<size_t>(i)] = i < kTokens ? i : i - kTokens;
  const auto block = [&](const at::Tensor& rows, const std::vector<int64_t>& at,
                         const AttentionContext& context) {
    return attention_block(rows, weights_of(x), int64_tensor(at), kHeads, kKvHeads, kEps, kTheta,
                           kScale, 0, context.handle());
  };
  const at::Tensor uncached =
      block(x[0], positions, AttentionContext::packed({0, kTokens, kTokens + kOther}));
  const auto whole = KeyValueCache::make({1, kKvHeads, kWidth}, {2, kTokens, 1, 8}),
             pieces = KeyValueCache::make({1, kKvHeads, kWidth}, {2, kTokens, 1, 8});
  AttentionContext at_once = AttentionContext::packed({0, kTokens, kTokens + kOther});
  at_once.cache = whole.get();
  at_once.regions = {1, 0};
  EXPECT_TRUE(at::equal(block(x[0], positions, at_once), uncached))
      << "attending to the cache is attending to the batch";
  for (int64_t first = 0, size = 2 * kQueryBlock; first < kTokens;
       first += size, size = 4 * kQueryBlock) {
    const int64_t count = std::min(size, kTokens - first);
    AttentionContext piece = AttentionContext::packed({0, static_cast<int32_t>(count)});
    piece.cache = pieces.get();
    piece.regions = {1};
    piece.cached = {first};
    EXPECT_TRUE(
        at::equal(block(x[0].narrow(0, first, count),
                        {positions.begin() + first, positions.begin() + first + count}, piece),
                  uncached.narrow(0, first, count)))
        << first;
  }
  AttentionContext step;
  step.mode = AttentionContext::Mode::kDecode;
  step.rows = {{1, kTokens, 0, 0}};
  step.cache = whole.get();
  const at::Tensor next = at::randn({1, kHidden}), expected = block(next, {kTokens}, step);
  step.cache = pieces.get();
  EXPECT_TRUE(at::equal(block(next, {kTokens}, step), expected));
  AttentionContext shared = AttentionContext::packed({{{{0, 5}, {5, 6}}}}, 11);
  shared.cache = whole.get();
  shared.regions = {0};
  EXPECT_THROW(block(x[0].narrow(0, 0, 11), {positions.begin(), positions.begin() + 11}, shared),
               Error);
}

TEST(Blocks, ManyRowsOfAFeedForwardComeToTheBitsOfFew) {
  at::manual_seed(11);
  const at::NoGradGuard no_grad;
  const int64_t rows = 2 * kSwiGluRows + 77;
  const at::Tensor x = at::randn({rows, kHidden});
  const SwiGluWeights w{at::randn({kHidden}), at::randn({kInner, kHidden}),
                        at::randn({kInner, kHidden}), at::randn({kHidden, kInner})};
  const at::Tensor all = swiglu_block(x, w, kEps);
  at::Tensor recorded;
  {
    const at::AutoGradMode recording(true);
    recorded = swiglu_block(x.detach().requires_grad_(true), w, kEps).detach();  // in one go
  }
  EXPECT_TRUE(at::equal(all, recorded));
  for (const int64_t row : {int64_t{0}, kSwiGluRows, rows - 1})
    EXPECT_TRUE(at::equal(swiglu_block(x.narrow(0, row, 1), w, kEps)[0], all[row]));
}

}  // namespace
}  // namespace slipway
