// Drawing on the emulator, against the host's sampler with the same random numbers.
#include "base/random.h"
#include "compute/torch.h"
#include "generate/sampling.h"
#include "tests/unit/kernels/cuda/compare.h"
#include "tests/unit/largest.h"

namespace slipway::cuda {
namespace {

constexpr int64_t kVocab = 1000, kDraws = 40;
constexpr uint64_t kSeed = 7;
constexpr uint32_t kIteration = 3;

struct Drawings {
  std::vector<int64_t> tokens;
  std::vector<float> logprobs;
  bool operator==(const Drawings&) const = default;
};

std::vector<int64_t> numbers(int64_t first, int64_t step) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < kDraws; ++i) out.push_back(first + i * step);
  return out;
}

Drawings draw(DeviceKernels& k, const std::vector<float>& logits, int64_t vocab,
              const SamplingSettings& settings) {
  const std::vector<int64_t> rows = numbers(0, 0), prompts = numbers(5, 1), samples = numbers(0, 2),
                             places = numbers(1, 3);
  Drawings out{std::vector<int64_t>(kDraws), std::vector<float>(kDraws)};
  k.draw({logits.data(), vocab, rows.data(), prompts.data(), samples.data(), places.data(), kDraws,
          kSeed, kIteration, settings.temperature, settings.top_p, settings.top_k,
          out.tokens.data(), out.logprobs.data()});
  return out;
}

void expect_the_hosts_draws(const char* what, const std::vector<float>& logits, int64_t vocab,
                            const SamplingSettings& settings) {
  const Drawings ours =
      in_both_orders([&](DeviceKernels& k) { return draw(k, logits, vocab, settings); });
  int different = 0;
  float difference = 0;
  std::vector<float> scratch;
  for (int64_t i = 0; i < kDraws; ++i) {
    const auto n = static_cast<size_t>(i);
    const double u =
        uniform(kSeed, {kIteration, static_cast<uint32_t>(5 + i), static_cast<uint32_t>(2 * i),
                        static_cast<uint32_t>(1 + 3 * i)});
    const Drawn theirs = sample_token(logits.data(), vocab, settings, u, scratch);
    different += ours.tokens[n] != theirs.token;
    difference = largest_of({difference, std::fabs(ours.logprobs[n] - theirs.logprob)});
  }
  std::printf("%s: %d of %d draws differ, log-probabilities by %.3g\n", what, different,
              static_cast<int>(kDraws), static_cast<double>(difference));
  EXPECT_EQ(different, 0) << what;
  EXPECT_LT(difference, 2e-6f) << what;
}

TEST(CudaDraw, EqualsTheHosts) {
  const std::vector<float> logits = random_values(kVocab, 41, 3);
  expect_the_hosts_draws("temperature 1", logits, kVocab, {});
  expect_the_hosts_draws("temperature 0.7", logits, kVocab, {0.7, 0, 1.0});
  expect_the_hosts_draws("greedy", logits, kVocab, {0.0, 0, 1.0});
  expect_the_hosts_draws("top-k 20", logits, kVocab, {1.0, 20, 1.0});
  expect_the_hosts_draws("top-k 1", logits, kVocab, {1.0, 1, 1.0});
  expect_the_hosts_draws("top-p 0.9", logits, kVocab, {1.0, 0, 0.9});
  expect_the_hosts_draws("top-p 0.01", logits, kVocab, {1.0, 0, 0.01});
  expect_the_hosts_draws("top-p 0", logits, kVocab, {1.0, 0, 0.0});
  expect_the_hosts_draws("top-k 20, top-p 0", logits, kVocab, {1.0, 20, 0.0});
  expect_the_hosts_draws("top-k 50, top-p 0.6, temperature 1.5", logits, kVocab, {1.5, 50, 0.6});
  expect_the_hosts_draws("top-k above the vocabulary", logits, kVocab, {1.0, 5000, 1.0});
}

TEST(CudaDraw, EqualLogitsAndForbiddenTokens) {
  // Many equal logits: top-k cuts through them, the smaller token first.
  std::vector<float> steps;
  for (int64_t i = 0; i < kVocab; ++i) steps.push_back(static_cast<float>(i * 7 % 4));
  expect_the_hosts_draws("equal logits, top-k 100", steps, kVocab, {1.0, 100, 1.0});
  expect_the_hosts_draws("equal logits, top-k 300, top-p 0.5", steps, kVocab, {1.0, 300, 0.5});
  expect_the_hosts_draws("equal logits, greedy", steps, kVocab, {0.0, 0, 1.0});
  // Most tokens forbidden, in whole chunks and groups, at both ends too.
  std::vector<float> forbidden(kVocab, -INFINITY);
  for (const int64_t i : {300, 301, 777})
    forbidden[static_cast<size_t>(i)] = static_cast<float>(i % 3);
  expect_the_hosts_draws("forbidden tokens", forbidden, kVocab, {});
  expect_the_hosts_draws("forbidden tokens, top-p 0.8", forbidden, kVocab, {1.0, 0, 0.8});
  expect_the_hosts_draws("forbidden tokens, top-k 5", forbidden, kVocab, {1.0, 5, 1.0});
  expect_the_hosts_draws("a vocabulary of one chunk", random_values(5, 42, 2), 5, {});
  expect_the_hosts_draws("a vocabulary of one chunk, top-p 0.7", random_values(5, 43, 2), 5,
                         {1.0, 0, 0.7});
}

// Logits of one sign and size share their first digits: each warp has a histogram of its own, so
// that threads do not all wait for one place.
TEST(CudaDraw, HistogramsAreNotOnePlaceForAllThreads) {
  constexpr int64_t vocab = 4096;
  std::vector<float> logits = random_values(vocab, 45, 0.01f);
  for (float& x : logits) x += 1.5f;
  expect_the_hosts_draws("logits near each other, top-p 0.9", logits, vocab, {1.0, 0, 0.9});
  const int64_t most = emulated_launches().most_additions;
  std::printf("most additions at one place: %d for %d logits\n", static_cast<int>(most),
              static_cast<int>(vocab));
  EXPECT_GT(most, 0);
  EXPECT_LE(most, vocab / 16);
}

TEST(CudaDraw, MostLikelyTokensAreLibTorchs) {
  constexpr int64_t rows = 6, vocab = 777;
  std::vector<float> logits = random_values(rows * vocab, 46, 3);
  const auto at = [&](int64_t row, int64_t token) -> float& {
    return logits[static_cast<size_t>(row * vocab + token)];
  };
  at(0, 500) = at(0, 256) = 99;  // the first of equals, whichever thread has it
  at(1, 3) = INFINITY, at(1, 2) = NAN, at(1, 700) = -NAN;
  for (int64_t i = 0; i < vocab; ++i) at(2, i) = -INFINITY;
  for (int64_t i = 0; i < vocab; ++i) at(3, i) = i == 5 ? -0.0f : i == 9 ? 0.0f : -1.0f;
  const auto ours = in_both_orders([&](DeviceKernels& k) {
    std::vector<int64_t> out(rows, -1);
    k.most_likely(logits.data(), rows, vocab, out.data());
    return out;
  });
  const at::Tensor theirs = at::tensor(logits).view({rows, vocab}).argmax(-1);
  EXPECT_EQ(ours, std::vector<int64_t>(theirs.const_data_ptr<int64_t>(),
                                       theirs.const_data_ptr<int64_t>() + rows));
}

TEST(CudaDraw, EachDrawReadsItsRow) {
  constexpr int64_t vocab = 3;
  const std::vector<float> logits = {0, 9, 0, 9, 0, 0, 0, 0, 9};  // greedy: 1, 0, 2
  const std::vector<int64_t> zeros(4, 0), rows = {2, 0, 0, 1};
  std::vector<int64_t> tokens(4);
  std::vector<float> logprobs(4);
  const auto kernels = emulated_kernels();
  kernels->draw({logits.data(), vocab, rows.data(), zeros.data(), zeros.data(), zeros.data(), 4, 0,
                 0, 0.0, 1.0, 0, tokens.data(), logprobs.data()});
  EXPECT_EQ(tokens, (std::vector<int64_t>{2, 1, 1, 0}));
  kernels->draw({logits.data(), vocab, nullptr, zeros.data(), zeros.data(), zeros.data(), 3, 0, 0,
                 0.0, 1.0, 0, tokens.data(), logprobs.data()});
  EXPECT_EQ(tokens, (std::vector<int64_t>{1, 0, 2, 0}));
}

TEST(CudaDraw, LogitsThatAreNotFiniteDrawNothing) {
  for (const float broken : {NAN, INFINITY})
    for (const int64_t at : {0, 130, 999})
      for (const SamplingSettings& settings :
           {SamplingSettings{}, SamplingSettings{0.0, 0, 1.0}, SamplingSettings{1.0, 20, 0.9},
            SamplingSettings{0.5, 0, 0.9}}) {
        std::vector<float> logits = random_values(kVocab, 44, 3);
        logits[static_cast<size_t>(at)] = broken;
        const auto kernels = emulated_kernels();
        const Drawings drawn = draw(*kernels, logits, kVocab, settings);
        for (const float logprob : drawn.logprobs) ASSERT_TRUE(std::isnan(logprob)) << at;
        for (const int64_t token : drawn.tokens) ASSERT_TRUE(token >= 0 && token < kVocab);
      }
}

}  // namespace
}  // namespace slipway::cuda
