// What the ranks of a run keep in memory between steps.
#pragma once
#include "base/json.h"
#include "dist/rank_grid.h"
#include "model/parameters.h"
#include "optim/optimizer.h"

namespace slipway {

// Measured, page by page: {"memory_weights_bytes", "memory_gradients_bytes",
// "memory_optimizer_bytes"}, each of the rank that keeps most. Every rank calls it. [loop]
Json kept_memory(const RankGrid& ranks, const FlatParameters& parameters, Optimizer& optimizer);

// For people, with what the stage promises: slices of equal sizes.
std::string kept_memory_text(const Json& kept, const Sharding& sharding);

}  // namespace slipway
