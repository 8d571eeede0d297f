// The attention kernels on the emulator, against the host's attention: packed batches with shared prefixes, forward and backward; and
// decoding over a cache, against the packed forward.
#include "device/accelerator/attention_tables.h"
#include "device/attention_kernel.h"
#include "tests/unit/device/cuda/compare.h"

namespace slipway::cuda {
namespace {

// Tables of a batch, on the host, which is the emulator's device.
struct Plan {
  AttentionTables tables;
  Plan(const std::vector<SegmentTree>& trees, int64_t tile) : tables(attention_tables(trees, tile)) {}
  AttentionPlan plan() const {
    return {tables.queries.data(), tables.keys.data(), tables.runs.data(), static_cast<int64_t>(tables.queries.size()), static_cast<int64_t>(tables.keys.size())};
  }
};

struct Case {
  const char* name;
  HeadShape shape;
  std::vector<SegmentTree> trees;
  int64_t tokens;
};

std::vector<Case> cases() {
  return {
      {"one token", {1, 1, 8}, {{{{0, 1}}}}, 1},
      // A prompt longer than a tile with three answers, one of them empty and one longer than a tile; then a plain sequence.
      {"shared prompt, narrow heads", {4, 2, 10}, {{{{0, 70}, {70, 66}, {136, 0}, {136, 5}}}, {{{141, 64}}}}, 205},
      {"several sequences, heads of 64", {3, 1, 64}, {{{{0, 3}}}, {{{3, 65}}}, {{{68, 1}}}}, 69},
      // Segments that lie in another order than they are named.
      {"heads of 128", {2, 2, 128}, {{{{40, 30}, {0, 40}, {70, 9}}}}, 79},
      {"heads of 96", {2, 1, 96}, {{{{0, 33}, {33, 20}}}}, 53},
  };
}

TEST(CudaAttention, EqualsTheHosts) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const auto [heads, kv_heads, width] = c.shape;
    const int64_t columns = (heads + 2 * kv_heads) * width, t = c.tokens;
    const float scale = 0.3f;
    const std::vector<float> qkv = random_values(t * columns, 21), d_out = random_values(t * heads * width, 22);
    const auto inputs = [&](const float* from) { return AttentionInputs{from, from + heads * width, from + (heads + kv_heads) * width, columns, columns}; };
    const AttentionInputs in = inputs(qkv.data());
    const AttentionRows rows{in.q, in.k, in.v, columns, columns, t, heads, kv_heads, width, scale};
    std::vector<float> out(d_out.size()), lse(static_cast<size_t>(t * heads)), gradient(qkv.size());
    attention_forward(in, c.shape, scale, c.trees, out.data(), lse.data());
    const AttentionInputs d = inputs(gradient.data());
    attention_backward(in, c.shape, scale, c.trees, out.data(), lse.data(), d_out.data(), const_cast<float*>(d.q), const_cast<float*>(d.k), const_cast<float*>(d.v));
    std::vector<float> our_lse(lse.size(), NAN);
    const auto ours = in_both_orders([&](DeviceKernels& k) {
      const Plan plan(c.trees, k.attention_tile());
      std::vector<float> o(out.size(), NAN);
      k.attention(rows, plan.plan(), o.data(), our_lse.data());
      return o;
    });
    expect_near("attention", ours, out, 2e-6f);
    expect_near("attention lse", our_lse, lse, 2e-6f);
    expect_near("attention backward", in_both_orders([&](DeviceKernels& k) {
                  const Plan plan(c.trees, k.attention_tile());
                  std::vector<float> g(qkv.size(), NAN), delta(lse.size(), NAN);
                  const AttentionInputs to = inputs(g.data());
                  k.attention_backward(rows, plan.plan(), ours.data(), our_lse.data(), d_out.data(), delta.data(), const_cast<float*>(to.q), const_cast<float*>(to.k),
                                       const_cast<float*>(to.v));
                  return g;
                }),
                gradient, 4e-6f);
  }
}

// Prompts stored by the prefill, then tokens one by one: each must get what it gets in one packed forward.
TEST(CudaAttention, DecodingEqualsThePackedForward) {
  constexpr int64_t heads = 6, kv_heads = 2, width = 20, columns = (heads + 2 * kv_heads) * width, kPrompt = 70, kOwn = 68, t = kPrompt + kOwn;
  const HeadShape shape{heads, kv_heads, width};
  const std::vector<float> qkv = random_values(t * columns, 31);
  std::vector<float> expected(t * heads * width), lse(t * heads);
  attention_forward({qkv.data(), qkv.data() + heads * width, qkv.data() + (heads + kv_heads) * width, columns, columns}, shape, 0.2f, {{{{0, t}}}}, expected.data(), lse.data());
  const auto rows_at = [&](int64_t token) {
    const float* from = qkv.data() + token * columns;
    return AttentionRows{from, from + heads * width, from + (heads + kv_heads) * width, columns, columns, 0, heads, kv_heads, width, 0.2f};
  };
  constexpr int64_t regions = 2, slots = 3, prompt_capacity = 80, slot_capacity = kOwn;
  const auto decoded = in_both_orders([&](DeviceKernels& k) {
    std::vector<float> prompt_k(regions * kv_heads * prompt_capacity * width, NAN), prompt_v = prompt_k, slot_k(slots * kv_heads * slot_capacity * width, NAN), slot_v = slot_k;
    const DeviceCache cache{prompt_k.data(), prompt_v.data(), slot_k.data(), slot_v.data(), prompt_capacity, slot_capacity};
    std::vector<int64_t> places;
    for (int64_t i = 0; i < kPrompt; ++i) places.push_back(1 * prompt_capacity + i);
    k.cache_prompts(rows_at(0), kPrompt, places.data(), cache);
    std::vector<float> out(kOwn * heads * width, NAN), two(2 * heads * width, NAN);
    for (int64_t i = 0; i < kOwn; ++i) {
      // The second row is one that is not there.
      const std::vector<int64_t> region = {1, 0}, prompt = {kPrompt, 0}, slot = {2, -1}, length = {i, 0};
      std::vector<float> pair(2 * columns, NAN);
      std::copy_n(qkv.data() + (kPrompt + i) * columns, columns, pair.data());
      AttentionRows in = rows_at(0);
      in.q = pair.data(), in.k = in.q + heads * width, in.v = in.k + kv_heads * width;
      k.attention_decode(in, {region.data(), prompt.data(), slot.data(), length.data(), 2}, cache, two.data());
      std::copy_n(two.data(), heads * width, out.data() + i * heads * width);
      for (int64_t c = heads * width; c < 2 * heads * width; ++c) EXPECT_EQ(two[static_cast<size_t>(c)], 0.0f);
    }
    return out;
  });
  expect_near("decode attention", decoded, {expected.begin() + kPrompt * heads * width, expected.end()}, 2e-6f);
}

}  // namespace
}  // namespace slipway::cuda
