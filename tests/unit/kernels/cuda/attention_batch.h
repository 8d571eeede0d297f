// Attention of a packed batch on the host and on the emulator, forward and backward.
#pragma once
#include "kernels/attention_tables.h"
#include "kernels/cpu/cpu_kernels.h"
#include "tests/unit/kernels/cuda/compare.h"

namespace slipway::cuda {

// Tables of a batch, on the host, which is the emulator's device.
struct Plan {
  AttentionTables tables;
  Plan(const std::vector<PrefixTree>& trees, int64_t tile)
      : tables(attention_tables(trees, tile)) {}
  AttentionPlan plan() const {
    return {tables.queries.data(), tables.keys.data(), tables.runs.data(),
            static_cast<int64_t>(tables.queries.size()), static_cast<int64_t>(tables.keys.size())};
  }
};

struct Attended {
  std::vector<float> out, lse, gradient;  // of q, k and v side by side
  bool operator==(const Attended&) const = default;
};

// One random batch.
struct AttentionBatch {
  HeadShape shape;
  std::vector<PrefixTree> trees;
  int64_t tokens;
  ScoreRule scores{0.3f};
  int64_t columns = (shape.heads + 2 * shape.kv_heads) * shape.width;
  std::vector<float> qkv = random_values(tokens * columns, 21),
                     d_out = random_values(tokens * shape.heads * shape.width, 22);

  AttentionRows rows(const float* from) const {
    return {from,
            from + shape.heads * shape.width,
            from + (shape.heads + shape.kv_heads) * shape.width,
            columns,
            columns,
            tokens,
            shape.heads,
            shape.kv_heads,
            shape.width,
            scores};
  }
  Attended empty() const {
    return {std::vector<float>(d_out.size(), NAN),
            std::vector<float>(static_cast<size_t>(tokens * shape.heads), NAN),
            std::vector<float>(qkv.size(), NAN)};
  }
  Attended on_host() const { return on(cpu_kernels()); }
  Attended on(Kernels& kernels) const {
    Attended a = empty();
    std::vector<float> delta(a.lse.size(), NAN);
    const AttentionRows in = rows(qkv.data()), d = rows(a.gradient.data());
    const int64_t tile = kernels.attention_tile(shape.width);
    const Plan tables(trees, std::max<int64_t>(tile, 1));
    AttentionPlan plan = tables.plan();
    if (tile == 0) plan = {}, plan.trees = &trees;
    kernels.attention(in, plan, a.out.data(), a.lse.data());
    kernels.attention_backward(in, plan, a.out.data(), a.lse.data(), d_out.data(), delta.data(),
                               const_cast<float*>(d.q), const_cast<float*>(d.k),
                               const_cast<float*>(d.v));
    return a;
  }
};

inline void expect_near(const Attended& ours, const Attended& theirs) {
  expect_near("attention", ours.out, theirs.out, 2e-6f);
  expect_near("attention lse", ours.lse, theirs.lse, 2e-6f);
  expect_near("attention backward", ours.gradient, theirs.gradient, 4e-6f);
}

}  // namespace slipway::cuda
