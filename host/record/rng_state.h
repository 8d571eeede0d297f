// rng_state.pth: the states of Python's, numpy's and torch's generators that the Hugging Face
// Trainer restores when it resumes. Nothing here draws from them (base/random.h): they are what the
// peer's set_seed(seed) would leave.
#pragma once
#include <cstdint>

#include "base/files.h"

namespace slipway {

void write_rng_state(const fs::path& path, uint64_t seed);  // throws Error

}  // namespace slipway
