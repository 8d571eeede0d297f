// Rounding slice by slice, and the products of float32.
#include "kernels/cpu/product_fp16.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "compute/float16.h"
#include "compute/instruction_sets.h"
#include "compute/parallel.h"
#include "compute/scratch.h"
#include "kernels/cpu/product_rounding.h"

namespace slipway::product_fp16 {
namespace {

// Rows of weights that are rounded at a time: bounds the memory.
constexpr int64_t kMostRounded = 4096;
constexpr int64_t kValuesOfTask = 16 * 1024;

// The products of product.h are those of float32 while it lives.
class OfFloat32 {
 public:
  OfFloat32() : before_(std::exchange(product_rounding, Rounding::kNone)) {}
  ~OfFloat32() { product_rounding = before_; }
  OfFloat32(const OfFloat32&) = delete;
  OfFloat32& operator=(const OfFloat32&) = delete;

 private:
  const Rounding before_;
};

SLIPWAY_CLONES void round_float16_row(const float* from, int64_t count, float* to) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] = round_to_float16(from[i]);
}

// a [rows, width], rounded, its rows end to end.
void round_rows(const float* a, int64_t row, int64_t rows, int64_t width, float* to) {
  const int64_t together = std::max<int64_t>(1, kValuesOfTask / std::max<int64_t>(1, width));
  parallel_ranges(rows, together, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) round_float16_row(a + r * row, width, to + r * width);
  });
}

const float* rounded_rows(Scratch& scratch, const float* a, int64_t row, int64_t rows,
                          int64_t width) {
  float* const to = scratch.take(rows * width);
  round_rows(a, row, rows, width, to);
  return to;
}

Scratch& input_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}
Scratch& weight_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}
Scratch& gradient_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}

// Rows [first, first + rows) of a weight.
struct SlicePart {
  size_t weight;
  int64_t first, rows;
};
// Weights that follow one another: their columns of y begin at `column`.
struct Slice {
  std::vector<SlicePart> parts;
  int64_t column, rows;
};

template <class AnyWeight>
std::vector<Slice> slices(std::span<const AnyWeight> weights) {
  std::vector<Slice> out;
  int64_t column = 0;
  for (size_t w = 0; w < weights.size(); ++w)
    for (int64_t first = 0; first < weights[w].n;) {
      if (out.empty() || out.back().rows == kMostRounded) out.push_back({{}, column, 0});
      const int64_t here = std::min(weights[w].n - first, kMostRounded - out.back().rows);
      out.back().parts.push_back({w, first, here});
      out.back().rows += here;
      first += here, column += here;
    }
  return out;
}

std::vector<Weight> rounded_weights(std::span<const Weight> weights, const Slice& slice,
                                    int64_t k) {
  float* to = weight_scratch().take(slice.rows * k);
  std::vector<Weight> out;
  for (const SlicePart& part : slice.parts) {
    round_rows(weights[part.weight].w + part.first * k, k, part.rows, k, to);
    out.push_back({to, part.rows});
    to += part.rows * k;
  }
  return out;
}

}  // namespace

void forward_product(const float* x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const Weight> weights, float* y, int64_t y_row, bool add) {
  const OfFloat32 products;
  const float* const a = rounded_rows(input_scratch(), x, x_row, rows, k);
  for (const Slice& slice : slices(weights)) {
    float* const here = y + slice.column;
    slipway::forward_product(a, k, rows, k, rounded_weights(weights, slice, k),
                             add ? here : nullptr, here, y_row);
  }
}

void input_gradient(const float* dy, int64_t dy_row, int64_t rows, std::span<const Weight> weights,
                    int64_t k, float* dx, int64_t dx_row, bool add) {
  const OfFloat32 products;
  for (const Slice& slice : slices(weights)) {
    const float* const d =
        rounded_rows(gradient_scratch(), dy + slice.column, dy_row, rows, slice.rows);
    slipway::input_gradient(d, slice.rows, rows, rounded_weights(weights, slice, k), k, dx, dx_row,
                            add);
    add = true;
  }
}

void weight_gradients(const float* dy, int64_t dy_row, const float* x, int64_t x_row, int64_t rows,
                      int64_t k, std::span<const WeightGradient> gradients) {
  const OfFloat32 products;
  const float* const a = rounded_rows(input_scratch(), x, x_row, rows, k);
  for (const Slice& slice : slices(gradients)) {
    std::vector<WeightGradient> here;
    for (const SlicePart& part : slice.parts) {
      float* const dw = gradients[part.weight].dw;
      here.push_back({dw == nullptr ? nullptr : dw + part.first * k, part.rows});
    }
    const float* const d =
        rounded_rows(gradient_scratch(), dy + slice.column, dy_row, rows, slice.rows);
    slipway::weight_gradients(d, slice.rows, a, k, rows, k, here);
  }
}

}  // namespace slipway::product_fp16
