// Packing and cutting of products. How work is cut changes no result: every element is the same sum
// of chains (gemm.h).
#include "kernels/cpu/product.h"

#include <algorithm>
#include <vector>

#include "compute/parallel.h"
#include "compute/scratch.h"
#include "kernels/cpu/gemm_bf16.h"
#include "kernels/cpu/product_bf16.h"
#include "kernels/cpu/product_fp16.h"
#include "kernels/cpu/product_int8.h"
#include "kernels/cpu/product_pieces.h"
#include "kernels/cpu/product_rounding.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/storage_traits.h"

namespace slipway {
namespace {

// Below this many multiply-adds a product is done on the calling thread: waking another costs more.
constexpr int64_t kAlone = 200'000;
constexpr int64_t kRows = 120;  // of one piece
// The same of packing, in values.
constexpr int64_t kPackedAlone = 8192;

// One product of a call: pieces of rows x panels. `a` of other storages than float32 has its
// columns side by side.
struct Part {
  gemm::Strided a;
  int64_t rows, k;
  const std::byte* panels;
  int64_t n;
  float* y;
  const StorageTraits& storage = traits_of(WeightStorage::kFloat32);
};

// A part's rows [row, row_end) times its panels [panel, panel_end).
struct Piece {
  const Part* part;
  int64_t row, row_end, panel, panel_end;
};

// Rows are cut between tiles. Pieces of one group of panels follow one another: its panels are
// still in cache. `last`: nothing comes after this part.
void cut(const Part& part, int64_t rows_at_most, int64_t panels_at_most, bool last,
         std::vector<Piece>& out) {
  const int64_t panels = gemm::panels(part.n), tile = gemm::tile_rows(),
                tiles = (part.rows + tile - 1) / tile, most = (rows_at_most + tile - 1) / tile;
  const auto add = [&](int64_t first_tile, int64_t end_tile, int64_t panel, int64_t panel_end) {
    out.push_back(
        {&part, first_tile * tile, std::min(part.rows, end_tile * tile), panel, panel_end});
  };
  const auto add_panels = [&](int64_t panel, int64_t panel_end) {
    add(0, tiles, panel, panel_end);
  };
  if (tiles <= most) {
    if (last)
      return product_pieces::for_dwindling_ranges(
          panels, panels_at_most, part.rows * part.k * gemm::panel_width(), add_panels);
    for (int64_t panel = 0; panel < panels; panel += panels_at_most)
      add_panels(panel, std::min(panels, panel + panels_at_most));
    return;
  }
  const int64_t groups = (panels + panels_at_most - 1) / panels_at_most,
                blocks = (tiles + most - 1) / most;
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t panel = group * panels / groups, panel_end = (group + 1) * panels / groups;
    if (last && group + 1 == groups)
      product_pieces::for_dwindling_ranges(
          tiles, most, tile * part.k * (panel_end - panel) * gemm::panel_width(),
          [&](int64_t begin, int64_t end) { add(begin, end, panel, panel_end); });
    else
      for (int64_t block = 0; block < blocks; ++block)
        add(block * tiles / blocks, (block + 1) * tiles / blocks, panel, panel_end);
  }
}

void run_piece(const Piece& piece, int64_t y_row, bool add) {
  const Part& part = *piece.part;
  part.storage.multiply({part.a.data + piece.row * part.a.row, part.a.row, part.a.column},
                        piece.row_end - piece.row, part.k, part.panels, part.n, piece.panel,
                        piece.panel_end, part.y + piece.row * y_row, y_row, add);
}

// Whether pieces of rows meet all panels of the parts, which have their rows in common: the panels
// are few enough for every core to keep beside rows, and the rows enough for all threads. So rows
// stay with the core that works on them before and after.
bool cut_by_rows(std::span<const Part> parts) {
  constexpr int64_t kKeptBytes = 131072;
  int64_t bytes = 0;
  for (const Part& part : parts) bytes += gemm::panels(part.n) * part.storage.panel_bytes(part.k);
  const int64_t tiles = (parts[0].rows + gemm::tile_rows() - 1) / gemm::tile_rows();
  return bytes <= kKeptBytes && tiles >= parallel_threads();
}

void run_rows(std::span<const Part> parts, int64_t work, int64_t y_row, bool add) {
  const int64_t rows = parts[0].rows, tile = gemm::tile_rows(), tiles = (rows + tile - 1) / tile,
                pieces = product_pieces::pieces_of_rows(work, rows, tiles, 2 * kRows);
  parallel_chunks(pieces, [&](int64_t piece) {
    const int64_t first = piece * tiles / pieces * tile,
                  last = std::min(rows, (piece + 1) * tiles / pieces * tile);
    for (const Part& part : parts)
      run_piece({&part, first, last, 0, gemm::panels(part.n)}, y_row, add);
  });
}

// Runs the parts, in pieces of at most `rows` rows and `panels` panels each. `common_rows`: all
// parts multiply the same rows.
void run_pieces(std::span<const Part> parts, int64_t rows, int64_t panels, int64_t y_row, bool add,
                bool common_rows) {
  int64_t work = 0;
  for (const Part& part : parts) work += part.rows * part.k * part.n;
  if (work < kAlone) {
    for (const Part& part : parts)
      run_piece({&part, 0, part.rows, 0, gemm::panels(part.n)}, y_row, add);
    return;
  }
  if (common_rows && cut_by_rows(parts)) return run_rows(parts, work, y_row, add);
  static thread_local std::vector<Piece> mine;
  std::vector<Piece>& pieces = mine;  // of this thread, for all of them
  pieces.clear();
  for (const Part& part : parts) cut(part, rows, panels, &part == &parts.back(), pieces);
  parallel_in_order(static_cast<int64_t>(pieces.size()),
                    [&](int64_t i) { run_piece(pieces[static_cast<size_t>(i)], y_row, add); });
}

// b [rows, n], read from front to back: rows side by side are one thread's.
void pack_rows(const float* b, int64_t row, int64_t rows, int64_t n, float* panels,
               int64_t stride) {
  constexpr int64_t kRowsTogether = 16;
  parallel_ranges(rows, rows * n < kPackedAlone ? rows : kRowsTogether,
                  [&](int64_t begin, int64_t end) {
                    gemm::pack(b + begin * row, row, n, end - begin, 0, gemm::panels(n),
                               panels + begin * gemm::panel_width(), stride);
                  });
}

const std::byte* bytes_of(const float* panels) {
  return reinterpret_cast<const std::byte*>(panels);
}

Scratch& packed_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}

template <class AnyWeight>
int64_t columns(std::span<const AnyWeight> weights) {
  int64_t n = 0;
  for (const AnyWeight& weight : weights) n += weight.n;
  return n;
}

// Whether a product adds to y, once `addend` is there.
template <class AnyWeight>
bool adds_to(const float* addend, int64_t rows, std::span<const AnyWeight> weights, float* y,
             int64_t y_row) {
  if (addend != nullptr && addend != y) copy_rows(addend, y_row, rows, columns(weights), y, y_row);
  return addend != nullptr;
}

// Few rows: all of them with a panel while it is in cache. Many: pieces that leave room in the
// second-level cache.
int64_t rows_of_piece(int64_t rows) {
  return rows <= 2 * kRows ? std::max<int64_t>(rows, 1) : kRows;
}
int64_t panels_of_piece(int64_t rows) { return rows <= 2 * kRows ? 4 : 8; }
constexpr int64_t kWideGroup = 8;
// Panels of a piece whose rows must be gathered first: the work of gathering is spread over many.
constexpr int64_t kGatheredGroup = 48;
// Rows of weights that the gradient of an input is summed over at a time: their panels stay in the
// third-level cache.
constexpr int64_t kSlice = 4096;

// Whether weights that are stored so meet inputs that are rounded as well, in the processor's own
// products of bfloat16.
bool by_bfloat16_products(WeightStorage storage) {
  return storage == WeightStorage::kBfloat16 && gemm_bf16::fast();
}

}  // namespace

int64_t packed_bytes(WeightStorage storage, int64_t n, int64_t k) {
  if (by_bfloat16_products(storage)) return product_bf16::packed_bytes(n, k);
  if (storage == WeightStorage::kInt8) return product_int8::packed_bytes(n, k);
  return gemm::panels(n) * traits_of(storage).panel_bytes(k);
}

PackedWeight pack_weight(WeightStorage storage, const Weight& weight, int64_t k,
                         std::byte* panels) {
  if (by_bfloat16_products(storage)) {
    product_bf16::pack_weight(weight, k, panels);
    return {panels, weight.n, storage};
  }
  if (storage == WeightStorage::kInt8) {
    product_int8::pack_weight(weight, k, panels);
    return {panels, weight.n, storage};
  }
  constexpr int64_t kPanelsTogether = 8;
  const int64_t count = gemm::panels(weight.n), threads = parallel_threads(),
                together = std::min(kPanelsTogether, (count + threads - 1) / threads);
  parallel_ranges(count, weight.n * k < kPackedAlone ? count : together,
                  [&](int64_t first, int64_t last) {
                    traits_of(storage).pack(weight.w, weight.n, k, first, last, panels);
                  });
  return {panels, weight.n, storage};
}

void forward_product(const float* x, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const PackedWeight> weights, const float* addend, float* y,
                     int64_t y_row) {
  const bool add = adds_to(addend, rows, weights, y, y_row);
  if (!weights.empty() && by_bfloat16_products(weights[0].storage))
    return product_bf16::forward_product(x, x_row, rows, k, weights, y, y_row, add);
  if (!weights.empty() && weights[0].storage == WeightStorage::kInt8)
    return product_int8::forward_product(x, x_row, rows, k, weights, y, y_row, add);
  std::vector<Part> parts;
  parts.reserve(weights.size());
  for (const PackedWeight& weight : weights) {
    parts.push_back(
        {{x, x_row, 1}, rows, k, weight.panels, weight.n, y, traits_of(weight.storage)});
    y += weight.n;
  }
  run_pieces(parts, rows_of_piece(rows), panels_of_piece(rows), y_row, add, true);
}

namespace {

// A wide weight (a head): each group of panels is packed by the thread that multiplies it, while it
// is in that thread's cache.
void wide_product(const float* x, int64_t x_row, int64_t rows, int64_t k, const Weight& weight,
                  float* y, int64_t y_row, bool add) {
  const int64_t stride = gemm::panel_floats(k);
  parallel_ranges(gemm::panels(weight.n), kWideGroup, [&](int64_t first, int64_t last) {
    static thread_local Scratch scratch;
    float* panels = scratch.take(kWideGroup * stride);
    const int64_t column = first * gemm::panel_width(),
                  columns_here = std::min(weight.n, last * gemm::panel_width()) - column;
    gemm::pack_transposed(weight.w + column * k, k, columns_here, k, 0, last - first, panels,
                          stride);
    gemm::multiply({x, x_row, 1}, rows, k, {panels, stride}, columns_here, 0, last - first,
                   y + column, y_row, add);
  });
}

}  // namespace

void forward_product(ConstValues in, int64_t x_row, int64_t rows, int64_t k,
                     std::span<const Weight> weights, const float* addend, Values out,
                     int64_t y_row) {
  const bool add = adds_to(addend, rows, weights, out.floats, y_row);
  if (product_rounding == Rounding::kBfloat16)
    return product_bf16::forward_product(in, x_row, rows, k, weights, out, y_row, add);
  const float* const x = in.floats;
  float* const y = out.floats;
  if (product_rounding == Rounding::kFloat16)
    return product_fp16::forward_product(x, x_row, rows, k, weights, y, y_row, add);
  if (weights.size() == 1 && gemm::panels(weights[0].n) >= kWideGroup * 16 * parallel_threads())
    return wide_product(x, x_row, rows, k, weights[0], y, y_row, add);
  int64_t floats = 0;
  for (const Weight& weight : weights) floats += gemm::packed_size(weight.n, k);
  float* panels = packed_scratch().take(floats);
  std::vector<PackedWeight> packed;
  packed.reserve(weights.size());
  for (const Weight& weight : weights) {
    packed.push_back(
        pack_weight(WeightStorage::kFloat32, weight, k, reinterpret_cast<std::byte*>(panels)));
    panels += gemm::packed_size(weight.n, k);
  }
  forward_product(x, x_row, rows, k, packed, add ? y : nullptr, y, y_row);
}

void input_gradient(ConstValues dy, int64_t dy_row, int64_t rows, std::span<const Weight> weights,
                    int64_t k, float* dx, int64_t dx_row, bool add) {
  if (product_rounding == Rounding::kBfloat16)
    return product_bf16::input_gradient(dy, dy_row, rows, weights, k, dx, dx_row, add);
  if (product_rounding == Rounding::kFloat16)
    return product_fp16::input_gradient(dy.floats, dy_row, rows, weights, k, dx, dx_row, add);
  if (weights.size() == 1 && weights[0].n > kSlice) {
    for (int64_t i = 0; i < weights[0].n; i += kSlice) {
      const Weight slice{weights[0].w + i * k, std::min(kSlice, weights[0].n - i)};
      input_gradient(dy + i, dy_row, rows, {&slice, 1}, k, dx, dx_row, add || i > 0);
    }
    return;
  }
  const int64_t depth = columns(weights), stride = gemm::panel_floats(depth);
  float* panels = packed_scratch().take(gemm::packed_size(k, depth));
  float* to = panels;
  for (const Weight& weight : weights) {
    pack_rows(weight.w, k, weight.n, k, to, stride);
    to += weight.n * gemm::panel_width();
  }
  const Part part{{dy.floats, dy_row, 1}, rows, depth, bytes_of(panels), k, dx};
  run_pieces({&part, 1}, rows_of_piece(rows), panels_of_piece(rows), dx_row, add, true);
}

void weight_gradients(ConstValues out_gradient, int64_t dy_row, ConstValues x, int64_t x_row,
                      int64_t rows, int64_t k, std::span<const WeightGradient> gradients) {
  if (product_rounding == Rounding::kBfloat16)
    return product_bf16::weight_gradients(out_gradient, dy_row, x, x_row, rows, k, gradients);
  if (std::ranges::none_of(gradients, [](const WeightGradient& g) { return g.dw != nullptr; }))
    return;
  const float* dy = out_gradient.floats;
  if (product_rounding == Rounding::kFloat16)
    return product_fp16::weight_gradients(dy, dy_row, x.floats, x_row, rows, k, gradients);
  const int64_t stride = gemm::panel_floats(rows);
  float* panels = packed_scratch().take(gemm::packed_size(k, rows));
  pack_rows(x.floats, x_row, rows, k, panels, stride);
  std::vector<Part> parts;
  parts.reserve(gradients.size());
  for (const WeightGradient& gradient : gradients) {
    if (gradient.dw != nullptr)
      parts.push_back({{dy, 1, dy_row}, gradient.n, rows, bytes_of(panels), k, gradient.dw});
    dy += gradient.n;
  }
  if (!parts.empty()) run_pieces(parts, kRows, kGatheredGroup, k, true, false);
}

}  // namespace slipway
