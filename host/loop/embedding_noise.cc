// Noise by counters.
#include "loop/embedding_noise.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "compute/parallel.h"

namespace slipway {
namespace {

// Sampling draws by the run's seed itself: these keep others apart from it.
constexpr uint32_t kPurpose = 0x4E454654, kDropout = 0x44524F50;

}  // namespace

at::Tensor embedding_noise(const EmbeddingNoise& noise, const PackedBatch& batch, int64_t width) {
  at::Tensor out_TD = at::empty({static_cast<int64_t>(batch.ids.size()), width}, at::kFloat);
  float* const out = out_TD.data_ptr<float>();
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(noise.seed) ^ kPurpose,
                                       static_cast<uint32_t>(noise.seed >> 32)};
  struct Piece {
    size_t tree;
    int64_t first, last;  // tokens of it
  };
  constexpr int64_t kTokens = 16;
  std::vector<Piece> pieces;
  for (size_t s = 0; s < batch.trees.size(); ++s)
    for (int64_t t = 0, length = batch.trees[s][0].length; t < length; t += kTokens)
      pieces.push_back({s, t, std::min(length, t + kTokens)});
  parallel_chunks(static_cast<int64_t>(pieces.size()), [&](int64_t chunk) {
    const auto [tree, first, last] = pieces[static_cast<size_t>(chunk)];
    const TokenSpan& span = batch.trees[tree][0];
    const auto example = noise.before + static_cast<uint32_t>(batch.examples[tree] - noise.first);
    const double most = noise.alpha / std::sqrt(static_cast<double>(span.length * width));
    for (int64_t t = first; t < last; ++t) {
      float* const row = out + (span.begin + t) * width;
      for (int64_t c = 0; c < width; c += 4) {
        const auto bits = philox(
            {static_cast<uint32_t>(c / 4), static_cast<uint32_t>(t), example, noise.epoch}, key);
        for (int64_t i = c; i < std::min(c + 4, width); ++i) {
          const double u = static_cast<double>(bits[static_cast<size_t>(i - c)] >> 8) * 0x1p-24;
          row[i] = static_cast<float>(most * (2 * u - 1));
        }
      }
    }
  });
  return out_TD;
}

uint64_t dropout_seed(const EmbeddingNoise& noise, const PackedBatch& batch) {
  const auto example = batch.examples.empty() || noise.first == nullptr
                           ? 0
                           : noise.before + static_cast<uint32_t>(batch.examples[0] - noise.first);
  const auto bits = philox(
      {example, noise.epoch, 0, 0},
      {static_cast<uint32_t>(noise.seed) ^ kDropout, static_cast<uint32_t>(noise.seed >> 32)});
  return uint64_t{bits[0]} << 32 | bits[1];
}

}  // namespace slipway
