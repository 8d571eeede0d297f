// Permutations and the four orders made of them.
#include "data/data_order.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "data/balanced_groups.h"

namespace slipway {
namespace {

// torch draws 32 bits for each of up to 2^32 / 20 elements, and in another way for more.
constexpr size_t kMostExamples = 200'000'000;

// torch's CPU generator: a Mersenne twister seeded with the low 32 bits.
std::mt19937 generator_of(uint64_t seed) { return std::mt19937(static_cast<uint32_t>(seed)); }

std::vector<int64_t> in_file_order(size_t n) {
  std::vector<int64_t> out(n);
  std::iota(out.begin(), out.end(), 0);
  return out;
}

// torch.randperm.
std::vector<int64_t> permutation(size_t n, std::mt19937& generator) {
  std::vector<int64_t> out = in_file_order(n);
  for (size_t i = 0; i + 1 < n; ++i) std::swap(out[i], out[i + generator() % (n - i)]);
  return out;
}

int64_t divided_up(int64_t n, int64_t by) { return (n + by - 1) / by; }

}  // namespace

EpochShape epoch_shape(int64_t n, const OrderSettings& s) {
  const int64_t accumulation = s.gradient_accumulation_steps;
  const auto cut = [&](int64_t all, int64_t unit) {
    return s.drop_last ? all / unit : divided_up(all, unit);
  };
  const int64_t micro = s.strategy == "batch_rebalance"
                            ? cut(n, s.batch_size * accumulation * s.ranks) * accumulation
                            : cut(cut(n, s.batch_size), s.ranks);
  return {micro, std::max<int64_t>(1, divided_up(micro, accumulation))};
}

DataOrder::DataOrder(std::vector<int64_t> lengths, OrderSettings settings)
    : lengths_(std::move(lengths)),
      settings_(std::move(settings)),
      generator_(generator_of(settings_.seed)) {
  if (lengths_.size() > kMostExamples)
    fail("{} examples are more than can be shuffled ({}); set data.streaming = true",
         lengths_.size(), kMostExamples);
}

EpochOrder DataOrder::epoch(int64_t number) {
  if (settings_.strategy == "batch_rebalance") return rebalanced(number);
  EpochOrder out;
  if (settings_.strategy == "sequential") {
    out.examples = in_file_order(lengths_.size());
  } else if (settings_.strategy == "group_by_length") {
    out.examples = grouped_by_length(number);
  } else {
    std::mt19937 generator =
        generator_of(settings_.data_seed.value_or(settings_.seed) + static_cast<uint64_t>(number));
    out.examples = permutation(lengths_.size(), generator);
  }
  const auto n = static_cast<int64_t>(lengths_.size());
  for (int64_t end = settings_.batch_size; end < n + settings_.batch_size;
       end += settings_.batch_size)
    if (end <= n || !settings_.drop_last) out.ends.push_back(std::min(end, n));
  out.examples.resize(out.ends.empty() ? 0 : static_cast<size_t>(out.ends.back()));
  return out;
}

std::vector<int64_t> DataOrder::grouped_by_length(int64_t epoch) {
  const size_t n = lengths_.size();
  // The Trainer's loader draws a 64-bit seed for its workers before each epoch's permutation.
  constexpr size_t kLoaderDraws = 2;
  if (epoch < next_epoch_) generator_ = generator_of(settings_.seed), next_epoch_ = 0;
  generator_.discard(static_cast<unsigned long long>(epoch - next_epoch_) *
                         (kLoaderDraws + std::max<size_t>(n, 1) - 1) +
                     kLoaderDraws);
  std::vector<int64_t> out = permutation(n, generator_);
  next_epoch_ = epoch + 1;
  if (n == 0) return out;
  const auto unit =
      static_cast<size_t>(settings_.batch_size * settings_.gradient_accumulation_steps);
  const size_t block = unit * std::clamp<size_t>(n / (4 * unit), 1, 50);
  const auto length = [&](int64_t i) { return lengths_[static_cast<size_t>(i)]; };
  size_t longest = 0;  // place of the first block's head that no other's outdoes
  for (size_t begin = 0; begin < n; begin += block) {
    const auto first = out.begin() + static_cast<int64_t>(begin);
    std::stable_sort(first, out.begin() + static_cast<int64_t>(std::min(n, begin + block)),
                     [&](int64_t a, int64_t b) { return length(a) > length(b); });
    if (length(*first) > length(out[longest])) longest = begin;
  }
  std::swap(out[0], out[longest]);
  return out;
}

EpochOrder DataOrder::rebalanced(int64_t epoch) const {
  constexpr uint64_t kSeed = 42;
  std::mt19937 generator = generator_of(kSeed + static_cast<uint64_t>(epoch));
  const std::vector<int64_t> order = permutation(lengths_.size(), generator);
  const auto groups = static_cast<size_t>(settings_.gradient_accumulation_steps * settings_.ranks),
             effective = static_cast<size_t>(settings_.batch_size) * groups;
  EpochOrder out;
  for (int64_t step = 0; step < shape().micro_batches / settings_.gradient_accumulation_steps;
       ++step) {
    const size_t begin = static_cast<size_t>(step) * effective,
                 end = std::min(order.size(), begin + effective);
    std::vector<int64_t> chosen(order.begin() + static_cast<int64_t>(begin),
                                order.begin() + static_cast<int64_t>(end));
    // A step has all its micro-batches: where examples are too few, the epoch's first come again.
    for (size_t i = 0; chosen.size() < groups; ++i) chosen.push_back(order[i % order.size()]);
    std::vector<int64_t> lengths;
    for (const int64_t i : chosen) lengths.push_back(lengths_[static_cast<size_t>(i)]);
    for (const std::vector<size_t>& group : balanced_groups(lengths, groups, effective)) {
      for (const size_t i : group) out.examples.push_back(chosen[i]);
      out.ends.push_back(static_cast<int64_t>(out.examples.size()));
    }
  }
  return out;
}

}  // namespace slipway
