// Flat buffers in the host's memory, by all threads.
#pragma once
#include "kernels/flat_kernels.h"

namespace slipway {

// One for the process.
FlatKernels& cpu_flat_kernels();

// `sum` plus the squares of x [count], in float64, by parts that do not depend on the threads.
double cpu_add_squares(double sum, const float* x, int64_t count);
void cpu_fill(float* x, int64_t count, float value);
// x and y, `count` long each, change contents.
void cpu_swap(float* x, float* y, int64_t count);

}  // namespace slipway
