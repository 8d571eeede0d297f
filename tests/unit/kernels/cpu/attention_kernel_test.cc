// Attention against its definition in float64: runs beyond a tile of keys and a block, trees, every
// instruction set; the same bits for any number of threads and in any company.
#include "kernels/cpu/attention_kernel.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "compute/measure.h"
#include "compute/parallel.h"
#include "tests/unit/kernels/cpu/noise.h"

namespace slipway {
namespace {

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
    attention_forward(in, trees, out.data(), lse.data());
    attention_backward(in, trees, out.data(), lse.data(), d_out.data(), delta.data(), dq, dk, dv);
  }
  Trees trees;
  int64_t row;
  AttentionRows in{};
  std::vector<float> qkv, d_out, out, lse, d_qkv;
};

// The definition, and how far a computed batch is from it.
class Definition {
 public:
  explicit Definition(const Batch& batch) : b_(batch), d_qkv_(batch.qkv.size()) {
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
    for (size_t i = 0; i < d_qkv_.size(); ++i) off(b_.d_qkv[i], d_qkv_[i]);
  }
  double largest() const { return largest_; }

 private:
  void off(float got, double wanted) {
    const double by = std::abs(static_cast<double>(got) - wanted);
    if (!(by <= largest_)) largest_ = by;  // what is no number is far off
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
    off(b_.lse[static_cast<size_t>(t * b_.in.heads + head)], most + std::log(sum));
    std::vector<double> out(size);
    double delta = 0;
    for (size_t j = 0; j < keys.size(); ++j) {
      p[j] /= sum, delta += p[j] * dp[j];
      for (size_t i = 0; i < size; ++i)
        out[i] += p[j] * double(b_.qkv[at(keys[j], b_.in.heads + b_.in.kv_heads + kv) + i]);
    }
    for (size_t i = 0; i < size; ++i) off(b_.out[one + i], out[i]);
    for (size_t j = 0; j < keys.size(); ++j) {
      const double ds = slope[j] * p[j] * (dp[j] - delta);
      const size_t k = at(keys[j], b_.in.heads + kv),
                   v = at(keys[j], b_.in.heads + b_.in.kv_heads + kv);
      for (size_t i = 0; i < size; ++i) {
        d_qkv_[q + i] += ds * double(b_.qkv[k + i]);
        d_qkv_[k + i] += ds * double(b_.qkv[q + i]);
        d_qkv_[v + i] += p[j] * double(b_.d_out[one + i]);
      }
    }
  }

  const Batch& b_;
  std::vector<double> d_qkv_;
  double largest_ = 0;
};

class AttentionSets : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!gemm::use(GetParam())) GTEST_SKIP() << "skipped: no " << GetParam() << " here";
  }
  void TearDown() override {
    for (const char* set : {"avx512", "avx2", "plain"})
      if (gemm::use(set)) break;
  }
};

TEST_P(AttentionSets, EqualsItsDefinition) {
  // Sequences around a vector, a block of queries, a tile of keys, and several of each; a prefix of
  // more than a block with runs of many lengths, none among them; wide heads, and one of one value.
  Batch batches[] = {
      Batch({{{{0, 1}}}, {{{1, 17}}}, {{{18, 49}}}, {{{67, 193}}}, {{{260, 257}}}, {{{517, 700}}}},
            1217),
      Batch({{{{0, 300}, {300, 5}, {305, 0}, {305, 210}, {515, 70}}}, {{{585, 3}, {588, 9}}}}, 597),
      Batch({{{{0, 220}}}}, 220, 4, 4, 64), Batch({{{{0, 270}}}}, 270, 2, 1, 130),
      Batch({{{{0, 60}}}}, 60, 3, 1, 1)};
  for (Batch& batch : batches) {
    batch.compute();
    const Definition definition(batch);
    std::printf("%s, %lld tokens: largest difference %.3g\n", GetParam(),
                static_cast<long long>(batch.in.tokens), definition.largest());
    EXPECT_LT(definition.largest(), 4e-6);
  }
}

TEST_P(AttentionSets, WindowsAndSoftcapsEqualTheirDefinition) {
  // Windows of one key, within a block, around a tile of keys, and wider than every sequence; over
  // prefixes that some answers see in part and others no more.
  const Batch plain({{{{0, 1}}}, {{{1, 49}}}, {{{50, 700}}}}, 750),
      shared({{{{0, 300}, {300, 5}, {305, 0}, {305, 410}}}, {{{715, 3}, {718, 9}}}}, 727),
      wide({{{{0, 270}}}}, 270, 2, 1, 256);
  for (const Batch* batch : {&plain, &shared, &wide})
    for (const int64_t window : {1, 7, 191, 193, 400, 5000})
      for (const float softcap : {0.0f, 1.5f}) {
        Batch windowed = batch->with(softcap, window);
        windowed.compute();
        const Definition definition(windowed);
        std::printf("%s, %lld tokens, window %lld, softcap %g: largest difference %.3g\n",
                    GetParam(), static_cast<long long>(windowed.in.tokens),
                    static_cast<long long>(window), static_cast<double>(softcap),
                    definition.largest());
        EXPECT_LT(definition.largest(), 4e-6);
      }
  Batch capped = shared.with(0.7f, 0);
  capped.compute();
  EXPECT_LT(Definition(capped).largest(), 4e-6);
}

TEST_P(AttentionSets, ASequenceComesToTheSameBitsInAnyCompany) {
  Batch alone({{{{0, 450}, {450, 60}}}}, 510), among = alone;
  among.trees = {{{{510, 40}}}, alone.trees[0], {{{550, 800}}}};
  const Batch others({}, 1350);
  among.in.tokens = 1350;
  among.qkv.insert(among.qkv.end(), others.qkv.begin() + 510 * others.row, others.qkv.end());
  among.d_out.insert(among.d_out.end(), others.d_out.begin(), others.d_out.begin() + 840 * 6 * 20);
  alone.compute();
  among.compute();
  const auto starts_with = [](const std::vector<float>& all, const std::vector<float>& part) {
    return std::equal(part.begin(), part.end(), all.begin());
  };
  EXPECT_TRUE(starts_with(among.out, alone.out));
  EXPECT_TRUE(starts_with(among.lse, alone.lse));
  EXPECT_TRUE(starts_with(among.d_qkv, alone.d_qkv));
}

INSTANTIATE_TEST_SUITE_P(Sets, AttentionSets, testing::Values("avx512", "avx2", "plain"),
                         [](const auto& set) { return std::string(set.param); });

// In processes of their own: the team is made once, by the first who needs it.
TEST(AttentionDeathTest, AnyNumberOfThreadsGivesTheSameBits) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const int many : {2, 64}) {
    const auto same = [&] {
      const ThreadCountScope threads(many);
      if (parallel_threads() != many) return 2;
      Batch batch({{{{0, 1000}}}, {{{1000, 200}, {1200, 30}, {1230, 30}}}}, 1260);
      batch.compute();
      const std::vector<float> out = batch.out, lse = batch.lse, d_qkv = batch.d_qkv;
      const ThreadCountScope one(1);
      batch.compute();
      if (out != batch.out || lse != batch.lse || d_qkv != batch.d_qkv) return 3;
      std::fputs("the same bits\n", stderr);
      return 0;
    };
    EXPECT_EXIT(std::_Exit(same()), testing::ExitedWithCode(0), "the same bits") << many;
  }
}

}  // namespace
}  // namespace slipway
