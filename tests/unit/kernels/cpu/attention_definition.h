// Batches for attention's tests, and attention's definition in float64: what is computed is held to
// it, in float32 absolutely, in bfloat16 by what rounding may do to each value.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "compute/bfloat16.h"
#include "kernels/cpu/attention_bf16.h"
#include "kernels/cpu/attention_kernel.h"
#include "tests/unit/kernels/cpu/noise.h"
#include "tests/unit/largest.h"

namespace slipway {

using Trees = std::vector<PrefixTree>;

// A batch, fused rows of q, k and v, and what comes of it.
struct Batch {
  Batch(Trees of, int64_t tokens, int64_t heads = 6, int64_t kv_heads = 2, int64_t width = 20)
      : trees(std::move(of)), row((heads + 2 * kv_heads) * width) {
    qkv = noise(tokens * row, 1);
    for (float& x : qkv) x *= 4;
    d_out = noise(tokens * heads * width, 2);
    in = {nullptr, nullptr, nullptr,  row,   row,
          tokens,  heads,   kv_heads, width, {1 / std::sqrt(static_cast<float>(width))}};
  }
  Batch with(float softcap, int64_t window) const {
    Batch other = *this;
    other.in.scores.softcap = softcap, other.in.scores.window = window;
    return other;
  }
  // The same on values that bfloat16 has, with products that round.
  Batch rounded() const {
    Batch other = *this;
    for (std::vector<float>* values : {&other.qkv, &other.d_out})
      for (float& x : *values) x = from_bfloat16(to_bfloat16(x));
    other.is_rounded = true;
    return other;
  }
  void compute() {
    const auto tokens = static_cast<size_t>(in.tokens), heads = static_cast<size_t>(in.heads),
               width = static_cast<size_t>(in.width);
    const auto point = [&](std::vector<float>& rows) {
      return std::array<float*, 3>{rows.data(), rows.data() + in.heads * in.width,
                                   rows.data() + (in.heads + in.kv_heads) * in.width};
    };
    const auto [q, k, v] = point(qkv);
    in.q = q, in.k = k, in.v = v;
    out.assign(tokens * heads * width, NAN), lse.assign(tokens * heads, NAN);
    d_qkv.assign(qkv.size(), NAN);
    std::vector<float> delta(lse.size(), NAN);
    const auto [dq, dk, dv] = point(d_qkv);
    const auto compute_with = [&](const auto& forward, const auto& backward) {
      forward(in, trees, out.data(), lse.data());
      backward(in, trees, out.data(), lse.data(), d_out.data(), delta.data(), dq, dk, dv);
    };
    if (is_rounded) compute_with(attention_bf16::forward, attention_bf16::backward);
    else compute_with(attention_forward, attention_backward);
  }
  Trees trees;
  bool is_rounded = false;  // by attention_bf16
  int64_t row;
  AttentionRows in{};
  std::vector<float> qkv, d_out, out, lse, d_qkv;
};

// Whether `all` begins with the bits of `part`.
inline bool begins_with(const std::vector<float>& all, const std::vector<float>& part) {
  return std::equal(part.begin(), part.end(), all.begin());
}

// The definition, and how far a computed batch is from it: its largest difference, and the largest
// as a part of what each value may differ by. That is kSums for sums of float32 and, where products
// round, what comes of a relative error of 2^-8 in the weights of values (out, dv), in gradients of
// scores (dq, dk) and, through `out`, in delta.
class Definition {
 public:
  static constexpr double kSums = 4e-6;

  explicit Definition(const Batch& batch)
      : b_(batch),
        error_(batch.is_rounded ? std::exp2(-8) : 0),
        d_qkv_(batch.qkv.size()),
        may_(batch.qkv.size()) {
    for (const PrefixTree& tree : b_.trees)
      for (const TokenRun& run : tree.runs)
        for (int64_t t = run.begin; t < run.begin + run.length; ++t) {
          std::vector<int64_t> keys;
          if (&run != &tree.runs[0])
            for (int64_t i = 0; i < tree.runs[0].length; ++i)
              keys.push_back(tree.runs[0].begin + i);
          for (int64_t i = run.begin; i <= t; ++i) keys.push_back(i);
          const auto all = static_cast<int64_t>(keys.size()), window = b_.in.scores.window;
          if (window > 0 && all > window) keys.erase(keys.begin(), keys.end() - window);
          for (int64_t head = 0; head < b_.in.heads; ++head) add(t, head, keys);
        }
    for (size_t i = 0; i < d_qkv_.size(); ++i) off(b_.d_qkv[i], d_qkv_[i], may_[i]);
  }
  double largest() const { return largest_; }
  double largest_part() const { return largest_part_; }

 private:
  void off(float got, double wanted, double may) {
    const double by = std::abs(static_cast<double>(got) - wanted);
    largest_ = largest_of({largest_, by});
    largest_part_ = largest_of({largest_part_, by / (kSums + may)});
  }
  void add(int64_t t, int64_t head, const std::vector<int64_t>& keys) {
    const int64_t width = b_.in.width, kv = head / (b_.in.heads / b_.in.kv_heads);
    const auto at = [&](int64_t token, int64_t first) {
      return static_cast<size_t>(token * b_.row + first * width);
    };
    const size_t q = at(t, head), one = static_cast<size_t>((t * b_.in.heads + head) * width);
    const auto size = static_cast<size_t>(width);
    std::vector<double> p, dp, slope;
    const double scale = double(b_.in.scores.scale), cap = double(b_.in.scores.softcap);
    double most = -1e30, sum = 0;
    for (const int64_t key : keys) {
      double score = 0, d = 0;
      for (size_t i = 0; i < size; ++i) {
        score += double(b_.qkv[q + i]) * double(b_.qkv[at(key, b_.in.heads + kv) + i]);
        d += double(b_.d_out[one + i]) *
             double(b_.qkv[at(key, b_.in.heads + b_.in.kv_heads + kv) + i]);
      }
      const double tangent = cap > 0 ? std::tanh(score * scale / cap) : 0;
      p.push_back(cap > 0 ? cap * tangent : score * scale), dp.push_back(d);
      slope.push_back(scale * (1 - tangent * tangent));
      most = std::max(most, p.back());
    }
    for (double& x : p) sum += x = std::exp(x - most);
    off(b_.lse[static_cast<size_t>(t * b_.in.heads + head)], most + std::log(sum), 0);
    std::vector<double> out(size), out_may(size);
    double delta = 0, delta_may = 0;
    for (size_t j = 0; j < keys.size(); ++j) {
      p[j] /= sum, delta += p[j] * dp[j];
      for (size_t i = 0; i < size; ++i) {
        const double add =
            p[j] * double(b_.qkv[at(keys[j], b_.in.heads + b_.in.kv_heads + kv) + i]);
        out[i] += add, out_may[i] += error_ * std::abs(add);
      }
    }
    for (size_t i = 0; i < size; ++i) {
      off(b_.out[one + i], out[i], out_may[i]);
      delta_may += std::abs(double(b_.d_out[one + i])) * out_may[i];
    }
    for (size_t j = 0; j < keys.size(); ++j) {
      const double ds = slope[j] * p[j] * (dp[j] - delta),
                   ds_may = error_ * std::abs(ds) + slope[j] * p[j] * delta_may;
      const size_t k = at(keys[j], b_.in.heads + kv),
                   v = at(keys[j], b_.in.heads + b_.in.kv_heads + kv);
      for (size_t i = 0; i < size; ++i) {
        const double key = double(b_.qkv[k + i]), query = double(b_.qkv[q + i]),
                     d = double(b_.d_out[one + i]);
        d_qkv_[q + i] += ds * key, may_[q + i] += ds_may * std::abs(key);
        d_qkv_[k + i] += ds * query, may_[k + i] += ds_may * std::abs(query);
        d_qkv_[v + i] += p[j] * d, may_[v + i] += error_ * p[j] * std::abs(d);
      }
    }
  }

  const Batch& b_;
  const double error_;
  std::vector<double> d_qkv_, may_;
  double largest_ = 0, largest_part_ = 0;
};

}  // namespace slipway
