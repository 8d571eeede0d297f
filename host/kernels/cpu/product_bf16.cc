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
using product_pieces::in_chunks, product_pieces::in_pieces, product_pieces::kLeast,
    product_pieces::kPackedTogether, product_pieces::kPackingCost, product_pieces::kPassRows;

constexpr int64_t kPanelsTogether = 4;  // of a piece
// Values of packed columns that every core may keep in its second-level cache beside rows.
constexpr int64_t kKeptColumns = 65536;
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

// Whether products take rows of a as they lie.
bool lie_packed(ConstValues a, int64_t k) {
  return a.bfloats != nullptr && gemm_bf16::depth(k) == k;
}

// All rows of a: as they lie where products can take them so, else packed by all threads.
gemm_bf16::Rows all_rows(ConstValues a, int64_t row, int64_t rows, int64_t k) {
  if (lie_packed(a, k)) return {a.bfloats, row};
  uint16_t* const packed = values(shared_scratch(), gemm_bf16::rows_size(rows, k));
  const int64_t blocks = (rows + kRows - 1) / kRows;
  in_chunks(kPackingCost * rows * k, blocks, [&](int64_t block) {
    gemm_bf16::pack_rows({a, row, 1}, k, block * kRows, std::min(rows, (block + 1) * kRows),
                         packed);
  });
  return {packed, gemm_bf16::depth(k)};
}

// Columns of a product, packed, and where they go.
struct Columns {
  uint16_t* b;
  int64_t n;
  Values y;
};

// Whether pieces of rows meet all n columns: these are few enough, and rows are enough for all
// threads. So rows stay with the core that works on them before and after.
bool cut_by_rows(int64_t rows, int64_t k, int64_t n) {
  const int64_t blocks = (rows + kRows - 1) / kRows;
  return panels(n) * panel_size(k) <= kKeptColumns &&
         (blocks >= parallel_threads() || blocks >= panels(n));
}

// y [rows, n] (+)= a b for all columns; what must be packed of a is so by its piece.
void by_rows(ConstValues a, int64_t a_row, int64_t rows, int64_t k,
             std::span<const Columns> columns, int64_t y_row, bool add) {
  int64_t n = 0;
  for (const Columns& c : columns) n += c.n;
  const int64_t blocks = (rows + kRows - 1) / kRows, work = rows * k * n,
                pieces = product_pieces::pieces_of_rows(work, rows, blocks, kPassRows);
  in_chunks(work, pieces, [&](int64_t piece) {
    const int64_t first = piece * blocks / pieces * kRows,
                  count = std::min(rows, (piece + 1) * blocks / pieces * kRows) - first;
    const ConstValues from = a + first * a_row;
    gemm_bf16::Rows mine{from.bfloats, a_row};
    if (!lie_packed(a, k)) {
      uint16_t* const packed = values(piece_scratch(), gemm_bf16::rows_size(count, k));
      gemm_bf16::pack_rows({from, a_row, 1}, k, 0, count, packed);
      mine = {packed, gemm_bf16::depth(k)};
    }
    for (const Columns& c : columns)
      gemm_bf16::multiply(mine, count, k, c.b, c.n, 0, panels(c.n), c.y + first * y_row, y_row,
                          add);
  });
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

// The same, however it is cut best; pack_part(piece, pieces, to) packs as much of b's rows. Each
// thread packs those that it packs in the forward pass and updates: it meets its own lines.
template <class Pack, class PackPart>
void multiply(ConstValues a, int64_t a_row, int64_t rows, int64_t k, int64_t n, const Pack& pack,
              const PackPart& pack_part, Values y, int64_t y_row, bool add) {
  if (!cut_by_rows(rows, k, n))
    return by_columns(all_rows(a, a_row, rows, k), rows, k, n, pack, y, y_row, add);
  uint16_t* const b = values(shared_scratch(), panels(n) * panel_size(k));
  const int64_t pieces = std::min((k + kRows - 1) / kRows, parallel_threads());
  in_chunks(kPackingCost * n * k, pieces, [&](int64_t piece) { pack_part(piece, pieces, b); });
  const Columns columns{b, n, y};
  by_rows(a, a_row, rows, k, {&columns, 1}, y_row, add);
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

// Pieces of a small job of so many multiply-adds: as many for every thread.
int64_t few_pieces(int64_t work, int64_t blocks) {
  const int64_t threads = parallel_threads();
  return std::min(blocks, std::clamp(work / kLeast / threads, int64_t{1}, int64_t{4}) * threads);
}

// body(gradient, first block, last block, first column of the gradient in dy) for pieces of all
// gradients, kRows of their rows a block, in even shares: small gradients stay with their core.
template <class Body>
void few_gradients(std::span<const WeightGradient> gradients, int64_t rows, int64_t k,
                   const Body& body) {
  int64_t blocks = 0;
  for (const WeightGradient& gradient : gradients)
    if (gradient.dw != nullptr) blocks += (gradient.n + kRows - 1) / kRows;
  const int64_t work = rows * k * blocks * kRows;
  const int64_t pieces = few_pieces(work, blocks);
  in_chunks(work, pieces, [&](int64_t piece) {
    product_pieces::for_part(gradients, kRows, piece, pieces, body);
  });
}

// The forward product of weights whose columns every core can keep: packed by all threads first.
void few_columns(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                 std::span<const Weight> weights, Values y, int64_t y_row, bool add) {
  static thread_local std::vector<Columns> mine;
  std::vector<Columns>& columns = mine;  // of this thread, for all of them
  columns.clear();
  uint16_t* const b = values(shared_scratch(), kKeptColumns);
  int64_t all = 0;
  for (const Weight& weight : weights) {
    columns.push_back({b + all * panel_size(k), weight.n, y});
    all += panels(weight.n), y = y + weight.n;
  }
  const int64_t pieces = std::min(all, parallel_threads());
  in_chunks(kPackingCost * all * kColumns * k, pieces, [&](int64_t piece) {
    product_pieces::for_part(weights, kColumns, piece, pieces,
                             [&](const Weight& weight, int64_t first, int64_t last, int64_t) {
                               gemm_bf16::pack_transposed(
                                   weight.w, k, weight.n, k, first, last,
                                   columns[static_cast<size_t>(&weight - weights.data())].b);
                             });
  });
  by_rows(x, x_row, rows, k, columns, y_row, add);
}

}  // namespace

void forward_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const Weight> weights, Values y, int64_t y_row, bool add) {
  int64_t all = 0;
  for (const Weight& weight : weights) all += panels(weight.n);
  if (cut_by_rows(rows, k, all * kColumns))
    return few_columns(x, x_row, rows, k, weights, y, y_row, add);
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
  in_chunks(kPackingCost * weight.n * k, (panels(weight.n) + kPackedTogether - 1) / kPackedTogether,
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
      const auto pack_rows = [&](const Weight& weight, int64_t first, int64_t rows_here,
                                 int64_t column, int64_t columns, uint16_t* to) {
        gemm_bf16::pack(weight.w + (i + first) * k + column, k, columns, rows_here, 0,
                        panels(columns), to, panel_size(slice));
      };
      const auto pack = [&](int64_t column, int64_t columns, uint16_t* to) {
        for (const Weight& weight : together) {
          const int64_t here = std::min(slice, weight.n);
          pack_rows(weight, 0, here, column, columns, to);
          to += here * kColumns;
        }
      };
      const auto pack_part = [&](int64_t piece, int64_t pieces, uint16_t* to) {
        const Weight sliced{together[0].w, slice};
        product_pieces::for_part(
            together.size() == 1 ? std::span(&sliced, 1) : together, kRows, piece, pieces,
            [&](const Weight& weight, int64_t begin, int64_t end, int64_t before) {
              const int64_t first = begin * kRows, last = std::min(weight.n, end * kRows);
              pack_rows(weight, first, last - first, 0, k, to + (before + first) * kColumns);
            });
      };
      multiply(dy + i, dy_row, rows, slice, k, pack, pack_part, dx, dx_row, add);
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
  in_chunks(kPackingCost * rows * k, (rows + kRows - 1) / kRows, [&](int64_t block) {
    const int64_t row = block * kRows;
    gemm_bf16::pack(x + row * x_row, x_row, k, std::min(kRows, rows - row), 0, panels(k),
                    b + row * kColumns, panel_size(rows));
  });
  const auto piece = [&](const WeightGradient& gradient, int64_t begin, int64_t end,
                         int64_t column) {
    const int64_t first = begin * kRows, count = std::min(gradient.n, end * kRows) - first;
    uint16_t* const a = values(piece_scratch(), gemm_bf16::rows_size(count, rows));
    gemm_bf16::pack_rows({dy + (column + first), 1, dy_row}, rows, 0, count, a);
    gemm_bf16::multiply({a, gemm_bf16::depth(rows)}, count, rows, b, k, 0, panels(k),
                        gradient.dw + first * k, k, true);
  };
  int64_t n = 0;
  for (const WeightGradient& gradient : gradients) n += gradient.n;
  if (n * k <= kKeptColumns) few_gradients(gradients, rows, k, piece);
  else product_pieces::for_pieces(gradients, kRows, rows, k, piece);
}

}  // namespace slipway::product_bf16
