// Packing and cutting. The operand that every piece reads is packed first, by all threads; the
// other by the piece that multiplies it.
#include "kernels/cpu/product_bf16.h"

#include <algorithm>

#include "compute/scratch.h"
#include "kernels/cpu/gemm_bf16.h"
#include "kernels/cpu/product_pieces.h"

namespace slipway::product_bf16 {
namespace {

using gemm_bf16::kColumns, gemm_bf16::kRows, gemm_bf16::panel_size, gemm_bf16::panels;
using product_pieces::in_chunks, product_pieces::in_pieces, product_pieces::kPassRows,
    product_pieces::kPackedTogether;

constexpr int64_t kPanelsTogether = 4, kMostRows = 256;  // of a piece
// Rows of a weight that the gradient of an input is summed over at a time: bounds what is packed.
constexpr int64_t kSlice = 4096;

uint16_t* values(Scratch& scratch, int64_t count) {
  return reinterpret_cast<uint16_t*>(scratch.take((count + 1) / 2));
}
Scratch& shared_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}
Scratch& piece_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}

// All rows of a: as they lie where products can take them so, else packed by all threads.
gemm_bf16::Rows all_rows(ConstValues a, int64_t row, int64_t rows, int64_t k) {
  if (a.bfloats != nullptr && gemm_bf16::depth(k) == k) return {a.bfloats, row};
  uint16_t* const packed = values(shared_scratch(), gemm_bf16::rows_size(rows, k));
  const int64_t blocks = (rows + kRows - 1) / kRows;
  in_chunks(rows * k, blocks, [&](int64_t block) {
    gemm_bf16::pack_rows({a, row, 1}, k, block * kRows, std::min(rows, (block + 1) * kRows),
                         packed);
  });
  return {packed, gemm_bf16::depth(k)};
}

// y [rows, n] (+)= a b; pack(first column, columns, to) packs a piece's part of b.
template <class Pack>
void by_columns(gemm_bf16::Rows a, int64_t rows, int64_t k, int64_t n, const Pack& pack, Values y,
                int64_t y_row, bool add) {
  in_pieces(panels(n), kPanelsTogether, rows * k * kColumns, [&](int64_t first, int64_t last) {
    const int64_t column = first * kColumns, columns = std::min(n, last * kColumns) - column;
    uint16_t* const b = values(piece_scratch(), panels(columns) * panel_size(k));
    pack(column, columns, b);
    for (int64_t r = 0; r < rows; r += kPassRows)
      gemm_bf16::multiply({a.data + r * a.row, a.row}, std::min(kPassRows, rows - r), k, b, columns,
                          0, panels(columns), y + (r * y_row + column), y_row, add);
  });
}

// How many of the weights one sum goes over: those whose panels can follow one another, to about
// kSlice rows.
size_t weights_together(std::span<const Weight> weights) {
  size_t count = 1;
  int64_t depth = weights[0].n;
  while (count < weights.size() && depth % kRows == 0 && depth + weights[count].n <= kSlice)
    depth += weights[count++].n;
  return count;
}

}  // namespace

void forward_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const Weight> weights, Values y, int64_t y_row, bool add) {
  const gemm_bf16::Rows a = all_rows(x, x_row, rows, k);
  for (const Weight& weight : weights) {
    const auto pack = [&](int64_t column, int64_t columns, uint16_t* to) {
      gemm_bf16::pack_transposed(weight.w + column * k, k, columns, k, 0, panels(columns), to);
    };
    by_columns(a, rows, k, weight.n, pack, y, y_row, add);
    y = y + weight.n;
  }
}

int64_t packed_bytes(int64_t n, int64_t k) {
  return panels(n) * panel_size(k) * static_cast<int64_t>(sizeof(uint16_t));
}

void pack_weight(const Weight& weight, int64_t k, std::byte* to) {
  in_chunks(weight.n * k, (panels(weight.n) + kPackedTogether - 1) / kPackedTogether,
            [&](int64_t chunk) {
              const int64_t first = chunk * kPackedTogether;
              gemm_bf16::pack_transposed(weight.w, k, weight.n, k, first,
                                         std::min(panels(weight.n), first + kPackedTogether),
                                         reinterpret_cast<uint16_t*>(to));
            });
}

void forward_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const PackedWeight> weights, Values y, int64_t y_row, bool add) {
  const gemm_bf16::Rows a = all_rows(x, x_row, rows, k);
  product_pieces::for_pieces(
      weights, kColumns, rows, k,
      [&](const PackedWeight& weight, int64_t first, int64_t last, int64_t column) {
        const auto* const b = reinterpret_cast<const uint16_t*>(weight.panels);
        for (int64_t r = 0; r < rows; r += kPassRows)
          gemm_bf16::multiply({a.data + r * a.row, a.row}, std::min(kPassRows, rows - r), k, b,
                              weight.n, first, last, y + (r * y_row + column), y_row, add);
      });
}

void input_gradient(ConstValues dy, int64_t dy_row, int64_t rows, std::span<const Weight> weights,
                    int64_t k, float* dx, int64_t dx_row, bool add) {
  while (!weights.empty()) {
    const std::span<const Weight> together = weights.first(weights_together(weights));
    weights = weights.subspan(together.size());
    int64_t depth = 0;
    for (const Weight& weight : together) depth += weight.n;
    // of a lone weight, slice by slice
    for (int64_t i = 0; i < depth; i += kSlice) {
      const int64_t slice = std::min(kSlice, depth - i);
      const auto pack = [&](int64_t column, int64_t columns, uint16_t* to) {
        for (const Weight& weight : together) {
          const int64_t here = std::min(slice, weight.n);
          gemm_bf16::pack(weight.w + i * k + column, k, columns, here, 0, panels(columns), to,
                          panel_size(slice));
          to += here * kColumns;
        }
      };
      by_columns(all_rows(dy + i, dy_row, rows, slice), rows, slice, k, pack, dx, dx_row, add);
      add = true;
    }
    dy = dy + depth;
  }
}

void weight_gradients(ConstValues dy, int64_t dy_row, ConstValues x, int64_t x_row, int64_t rows,
                      int64_t k, std::span<const WeightGradient> gradients) {
  if (std::ranges::none_of(gradients, [](const WeightGradient& g) { return g.dw != nullptr; }))
    return;
  uint16_t* const b = values(shared_scratch(), panels(k) * panel_size(rows));
  in_chunks(rows * k, (rows + kRows - 1) / kRows, [&](int64_t block) {
    const int64_t row = block * kRows;
    gemm_bf16::pack(x + row * x_row, x_row, k, std::min(kRows, rows - row), 0, panels(k),
                    b + row * kColumns, panel_size(rows));
  });
  for (const WeightGradient& gradient : gradients) {
    const int64_t blocks = gradient.dw == nullptr ? 0 : (gradient.n + kRows - 1) / kRows;
    in_pieces(blocks, kMostRows / kRows, rows * k * kRows, [&](int64_t begin, int64_t end) {
      const int64_t first = begin * kRows, count = std::min(gradient.n, end * kRows) - first;
      uint16_t* const a = values(piece_scratch(), gemm_bf16::rows_size(count, rows));
      gemm_bf16::pack_rows({dy + first, 1, dy_row}, rows, 0, count, a);
      gemm_bf16::multiply({a, gemm_bf16::depth(rows)}, count, rows, b, k, 0, panels(k),
                          gradient.dw + first * k, k, true);
    });
    dy = dy + gradient.n;
  }
}

}  // namespace slipway::product_bf16
