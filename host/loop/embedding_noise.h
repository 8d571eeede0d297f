// Noise on the embeddings of a training step (Jain et al., "NEFTune: Noisy embeddings improve
// instruction finetuning", 2023).
#pragma once
#include "compute/torch.h"
#include "data/packing.h"

namespace slipway {

struct EmbeddingNoise {
  double alpha = 0;  // 0 = none
  // What is drawn depends on these, on the example's place among the stage's, on position and
  // column: not on what shares its batch.
  uint64_t seed = 0;
  uint32_t epoch = 0;
  const Example* first = nullptr;  // an example of the stage ...
  uint32_t before = 0;             // ... and how many there are before it
};

// Noise [T, width] for a batch whose prompts lie apart: uniform in [-m, m), m = alpha / sqrt(tokens
// of the sequence * width). On the CPU.
at::Tensor embedding_noise(const EmbeddingNoise& noise, const PackedBatch& batch, int64_t width);

// What a module that draws by itself, for its dropout, is seeded with: by the same place in the
// stage.
uint64_t dropout_seed(const EmbeddingNoise& noise, const PackedBatch& batch);

}  // namespace slipway
