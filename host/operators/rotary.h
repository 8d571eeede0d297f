// Rotary positions: their angles as Hugging Face computes them.
#pragma once
#include <vector>

#include "compute/torch.h"
#include "kernels/kernels.h"

namespace slipway {

// theta^(-2i/D) for i in [0, half), float32 as Hugging Face computes them: what a position is
// multiplied by.
std::vector<float> rotary_frequencies(int64_t half, double theta);

// cos and sin of position * theta^(-2i/D), [positions, half], float32 as Hugging Face computes
// them. Valid for the process's life.
struct RotaryTable {
  const float *cos, *sin;
  int64_t positions;
};

// A table that holds positions below `positions`. Any thread.
RotaryTable rotary_table(int64_t positions, int64_t half, double theta);

// Angles for positions [T] (int64, contiguous), as kernels where these lie read them; valid for the
// process's life. On the processor: throws Error on a negative position.
RotaryAngles rotary_angles(const at::Tensor& positions_T, int64_t half, double theta);

}  // namespace slipway
