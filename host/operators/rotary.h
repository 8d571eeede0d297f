// Rotary positions: their angles as Hugging Face computes them.
#pragma once
#include <vector>

#include "compute/torch.h"
#include "kernels/kernels.h"

namespace slipway {

// theta^(-2i/D) for i in [0, half), float32 as Hugging Face computes them: what a position is
// multiplied by.
std::vector<float> rotary_frequencies(int64_t half, double theta);
// The same as a tensor [half] on the processor, made once. Any thread.
at::Tensor rotary_frequency_tensor(int64_t half, double theta);

// Whether `inverse` may be given for heads of a width: [r / 2] float32 without gaps on the
// processor, r at most the width.
bool is_frequencies(const at::Tensor& inverse, int64_t width);

// Angles for positions [T] (int64, contiguous), as kernels where these lie read them; valid for the
// process's life, for which a table is kept of every set of frequencies and scale. cos and sin are
// those of position * inverse[i], float32 as Hugging Face computes them, times `scale`. Throws
// Error on a negative position, where the processor computes. Any thread.
RotaryAngles rotary_angles(const at::Tensor& positions_T, const at::Tensor& inverse, double scale);
RotaryAngles rotary_angles(const at::Tensor& positions_T, int64_t half, double theta);

}  // namespace slipway
