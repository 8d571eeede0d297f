// Drawing a token from a row of logits.
#include "generate/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "device/kernels.h"

namespace slipway {
namespace {

// Walks the probabilities in vocabulary order; blocks of 64 first, so that the walk is short.
int32_t walk(const float* p, int64_t vocab, double target) {
  double before = 0;
  int32_t last = 0;
  for (int64_t begin = 0; begin < vocab; begin += 64) {
    const int64_t end = std::min(vocab, begin + 64);
    float block = 0;
    for (int64_t i = begin; i < end; ++i) block += p[i];
    if (before + static_cast<double>(block) <= target) {
      before += static_cast<double>(block);
      continue;
    }
    double within = before;
    for (int64_t i = begin; i < end; ++i) {
      if (p[i] > 0) last = static_cast<int32_t>(i);
      within += static_cast<double>(p[i]);
      if (within > target) return last;
    }
    before = within;
  }
  return last;  // rounding left a sliver at the end: the last token that has any probability
}

int32_t sample_restricted(const float* logits, int64_t vocab, const SamplingSettings& settings, double u,
                          std::vector<float>& scratch) {
  std::vector<int32_t> order(static_cast<size_t>(vocab));
  std::iota(order.begin(), order.end(), 0);
  const auto larger = [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
  int64_t kept = vocab;
  if (settings.top_k > 0 && settings.top_k < vocab) {
    kept = settings.top_k;
    std::nth_element(order.begin(), order.begin() + (kept - 1), order.end(), larger);
    order.resize(static_cast<size_t>(kept));
  }
  std::sort(order.begin(), order.end(), larger);
  scratch.resize(static_cast<size_t>(kept));
  const double max = static_cast<double>(logits[order[0]]);
  double total = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    scratch[i] = static_cast<float>(std::exp((static_cast<double>(logits[order[i]]) - max) / settings.temperature));
    total += static_cast<double>(scratch[i]);
  }
  size_t nucleus = order.size();
  if (settings.top_p < 1.0) {
    double mass = 0;
    for (nucleus = 0; nucleus < order.size() && (nucleus == 0 || mass < settings.top_p * total); ++nucleus)
      mass += static_cast<double>(scratch[nucleus]);
    total = mass;
  }
  double mass = 0;
  for (size_t i = 0; i < nucleus; ++i)
    if ((mass += static_cast<double>(scratch[i])) > u * total) return order[i];
  return order[nucleus - 1];
}

}  // namespace

int32_t sample_token(const float* logits, int64_t vocab, const SamplingSettings& settings, double u,
                     std::vector<float>& scratch) {
  if (settings.temperature <= 0)
    return static_cast<int32_t>(std::max_element(logits, logits + vocab) - logits);
  if (settings.top_k > 0 || settings.top_p < 1.0) return sample_restricted(logits, vocab, settings, u, scratch);
  scratch.resize(static_cast<size_t>(vocab));
  const double total = kernels::exponentials(logits, kernels::row_max(logits, vocab),
                                             static_cast<float>(1.0 / settings.temperature), vocab, scratch.data());
  return walk(scratch.data(), vocab, u * total);
}

}  // namespace slipway
