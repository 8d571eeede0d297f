// Drawing a token from a row of logits. One pass gives the largest logit and the mass of every
// block of the row; what is looked at again is the blocks that matter.
#include "generate/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/cpu/row_kernels.h"

namespace slipway {
namespace {

// A row, seen once.
class Row {
 public:
  Row(const float* logits, int64_t vocab, float inverse_temperature, std::vector<float>& scratch)
      : logits_(logits),
        vocab_(vocab),
        blocks_(kernels::blocks(vocab)),
        inverse_temperature_(inverse_temperature) {
    scratch.resize(static_cast<size_t>(3 * blocks_ + kernels::kBlock));
    largest_ = scratch.data(), mass_ = largest_ + blocks_, weight_ = mass_ + blocks_,
    p_ = weight_ + blocks_;
    kernels::block_masses(logits, inverse_temperature, vocab, largest_, mass_);
    max_ = kernels::row_max(largest_, blocks_);
    kernels::exponentials(largest_, max_, inverse_temperature, blocks_, weight_);
    for (int64_t b = 0; b < blocks_; ++b) total_ += mass_of(b);
  }

  float max() const { return max_; }
  // Of exp((logit - max) / temperature) over the row.
  double total() const { return total_; }
  // The token at which the running mass passes u of the total.
  int32_t at(double u) const;
  // Tokens whose logit is at least `threshold`, largest first, the smaller token first among
  // equals.
  std::vector<int32_t> at_least(float threshold) const;
  // A threshold that the k largest logits reach, and few others.
  float threshold_of(int64_t k) const;

 private:
  // A block of nothing but -infinity has weight 0, and a mass that is not a number. What else is
  // not a number stays so.
  double mass_of(int64_t b) const {
    return weight_[b] == 0 ? 0.0 : static_cast<double>(mass_[b]) * static_cast<double>(weight_[b]);
  }

  const float* logits_;
  int64_t vocab_, blocks_;
  float inverse_temperature_, max_;
  double total_ = 0;
  float *largest_, *mass_, *weight_, *p_;
};

int32_t Row::at(double u) const {
  const double target = u * total_;
  double before = 0;
  int32_t last = 0;
  for (int64_t b = 0; b < blocks_; ++b) {
    const double here = mass_of(b);
    if (here <= 0) continue;
    const int64_t begin = b * kernels::kBlock, length = std::min(kernels::kBlock, vocab_ - begin);
    const bool tail = b + 1 == blocks_;
    if (!tail && before + here <= target) {
      before += here;
      last = static_cast<int32_t>(
          begin +
          (std::max_element(logits_ + begin, logits_ + begin + length) - (logits_ + begin)));
      continue;
    }
    kernels::exponentials(logits_ + begin, largest_[b], inverse_temperature_, length, p_);
    double within = before;
    for (int64_t i = 0; i < length; ++i) {
      if (p_[i] > 0) last = static_cast<int32_t>(begin + i);
      within += static_cast<double>(p_[i]) * static_cast<double>(weight_[b]);
      if (within > target && p_[i] > 0) return last;
    }
    before = within;
  }
  return last;  // rounding left a sliver at the end: the last token that has any probability
}

std::vector<int32_t> Row::at_least(float threshold) const {
  std::vector<int32_t> out;
  for (int64_t b = 0; b < blocks_; ++b) {
    if (largest_[b] < threshold) continue;
    for (int64_t i = b * kernels::kBlock; i < std::min(vocab_, (b + 1) * kernels::kBlock); ++i)
      if (logits_[i] >= threshold) out.push_back(static_cast<int32_t>(i));
  }
  std::ranges::sort(out, [&](int32_t a, int32_t b) {
    return logits_[a] != logits_[b] ? logits_[a] > logits_[b] : a < b;
  });
  return out;
}

float Row::threshold_of(int64_t k) const {
  if (k > blocks_) return -INFINITY;
  // The k-th largest of the blocks' largest: at least k logits reach it.
  std::vector<float> largest(largest_, largest_ + blocks_);
  std::nth_element(largest.begin(), largest.begin() + (k - 1), largest.end(), std::greater<>());
  return largest[static_cast<size_t>(k - 1)];
}

// The tokens that top-k, top-p and min-p leave, largest first, and their masses.
struct Nucleus {
  std::vector<int32_t> tokens;
  std::vector<double> masses;
  double total = 0;
};

Nucleus nucleus_of(const Row& row, const float* logits, int64_t vocab,
                   const SamplingSettings& settings) {
  const auto mass = [&](int32_t token) {
    return std::exp((static_cast<double>(logits[token]) - static_cast<double>(row.max())) /
                    settings.temperature);
  };
  Nucleus out;
  const auto fill = [&](std::vector<int32_t> tokens) {
    out = {std::move(tokens), {}, 0};
    for (const int32_t token : out.tokens) out.total += out.masses.emplace_back(mass(token));
  };
  const bool by_count = settings.top_k > 0 && settings.top_k < vocab;
  double all = row.total();
  if (by_count) {
    std::vector<int32_t> tokens = row.at_least(row.threshold_of(settings.top_k));
    tokens.resize(static_cast<size_t>(
        std::min<int64_t>(settings.top_k, static_cast<int64_t>(tokens.size()))));
    fill(std::move(tokens));
    all = out.total;
  }
  const auto apply_min_p = [&] {
    while (out.tokens.size() > 1 && out.masses.back() < settings.min_p * out.masses.front()) {
      out.total -= out.masses.back();
      out.tokens.pop_back();
      out.masses.pop_back();
    }
  };
  if (settings.top_p >= 1.0) {
    if (!by_count)
      fill(row.at_least(
          static_cast<float>(static_cast<double>(row.max()) +
                             settings.temperature * std::log(settings.min_p) * (1 + 1e-6) - 1e-6)));
    apply_min_p();
    return out;
  }
  // Without top-k: wider and wider below the largest, until the mass is there.
  for (double below = 4 * settings.temperature; !by_count; below *= 2) {
    const auto threshold = static_cast<float>(static_cast<double>(row.max()) - below);
    fill(row.at_least(threshold));
    if (out.total >= settings.top_p * all || static_cast<int64_t>(out.tokens.size()) == vocab ||
        below > 1e30)
      break;
  }
  double reached = 0;
  size_t count = 0;
  for (; count < out.tokens.size() && (count == 0 || reached < settings.top_p * all); ++count)
    reached += out.masses[count];
  out.tokens.resize(count);
  out.masses.resize(count);
  out.total = reached;
  apply_min_p();
  return out;
}

int32_t draw_from(const Nucleus& nucleus, double u) {
  double mass = 0;
  for (size_t i = 0; i < nucleus.tokens.size(); ++i)
    if ((mass += nucleus.masses[i]) > u * nucleus.total) return nucleus.tokens[i];
  return nucleus.tokens.back();
}

}  // namespace

float log_probability(const float* logits, int64_t vocab, int32_t token) {
  return logits[token] - kernels::log_sum_exp(logits, vocab);
}

bool SamplingSettings::greedy() const {
  return temperature <= 0 || std::isinf(static_cast<float>(1.0 / temperature));
}

Drawn sample_token(const float* logits, int64_t vocab, const SamplingSettings& settings, double u,
                   std::vector<float>& scratch) {
  constexpr Drawn kNone{-1, std::numeric_limits<float>::quiet_NaN()};
  if (settings.greedy()) {
    const float log_total = kernels::log_sum_exp(logits, vocab);
    if (!std::isfinite(log_total)) return kNone;
    const auto token = static_cast<int32_t>(std::max_element(logits, logits + vocab) - logits);
    return {token, logits[token] - log_total};
  }
  const Row row(logits, vocab, static_cast<float>(1.0 / settings.temperature), scratch);
  if (!std::isfinite(row.total())) return kNone;
  const bool restricted =
      (settings.top_k > 0 && settings.top_k < vocab) || settings.top_p < 1.0 || settings.min_p > 0;
  const int32_t token =
      restricted ? draw_from(nucleus_of(row, logits, vocab, settings), u) : row.at(u);
  const float log_total = settings.temperature == 1.0
                              ? row.max() + static_cast<float>(std::log(row.total()))
                              : kernels::log_sum_exp(logits, vocab);
  return {token, logits[token] - log_total};
}

}  // namespace slipway
