// Packing, and the blocks around a register tile that keep its operands in cache.
#include "kernels/cpu/gemm.h"

#include <algorithm>
#include <cstring>

#include "compute/instruction_sets.h"
#include "compute/scratch.h"
#include "kernels/cpu/ahead.h"
#include "kernels/cpu/gemm_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace slipway::gemm {
namespace {

// Rows of a block, a multiple of every tile's rows: their part of a stays in the second-level
// cache.
constexpr int64_t kBlockRows = 120;
// A panel's part that one chain works on stays in the first-level cache.
constexpr int64_t kPanelFloats = 6144;

Kernel& kernel() {
  static Kernel chosen = [] {
    for (const char* name : {"avx512", "avx2"})
      if (const auto found = kernel_of(name)) return *found;
    return *kernel_of("plain");
  }();
  return chosen;
}

// How a block's rows are cut into tiles: evenly, for a last tile of one or two rows would wait
// for its own sums. The first `larger` tiles have one row more.
struct TileRows {
  int64_t tiles, each, larger;
  TileRows(int64_t block_rows, int64_t tile_rows)
      : tiles((block_rows + tile_rows - 1) / tile_rows),
        each(block_rows / tiles),
        larger(block_rows % tiles) {}
  int64_t rows_of(int64_t tile) const { return each + (tile < larger ? 1 : 0); }
};

// `tiles` tiles of M rows each: rows that lie side by side in a, [k][M] a tile.
template <int M>
void gather_tiles(Strided a, int64_t k, int64_t tiles, float* to) {
  for (int64_t i = 0; i < k; ++i)
    for (int64_t tile = 0; tile < tiles; ++tile)
      std::memcpy(to + (tile * k + i) * M, a.data + i * a.column + tile * M, M * sizeof(float));
}
using Gather = void (*)(Strided a, int64_t k, int64_t tiles, float* to);
constexpr Gather kGathers[] = {gather_tiles<1>,  gather_tiles<2>,  gather_tiles<3>,
                               gather_tiles<4>,  gather_tiles<5>,  gather_tiles<6>,
                               gather_tiles<7>,  gather_tiles<8>,  gather_tiles<9>,
                               gather_tiles<10>, gather_tiles<11>, gather_tiles<12>};

// A block's part of a, whose rows lie side by side, copied so that each tile finds its own
// together: tile after tile, [k][rows].
void gather(Strided a, int64_t k, const TileRows& cut, float* to) {
  if (cut.larger > 0) kGathers[cut.each](a, k, cut.larger, to);
  if (cut.each == 0) return;
  const int64_t before = cut.larger * (cut.each + 1);
  kGathers[cut.each - 1]({a.data + before, a.row, a.column}, k, cut.tiles - cut.larger,
                         to + before * k);
}

// Lets each of `tiles` tiles ask for its share of the next panel's part of `bytes`; returns the
// share. Few tiles have much to ask for: little by little, then, or they wait.
int64_t share_ahead(int64_t bytes, int64_t tiles, Tile& t) {
  const int64_t share = (bytes + tiles - 1) / tiles;
  const auto lines = [&](int64_t steps) { return lines_ahead(share, t.k / steps); };
  t.ahead_steps = lines(kEvery16) <= 4 ? kEvery16 : kEvery4;
  t.ahead_lines = lines(t.ahead_steps);
  return share;
}

// A block's part of one panel: every tile of the block's rows, `used` columns of them. `gathered`:
// t.a.data is what gather() wrote.
void block_panel(const Kernel& chosen, Tile t, const TileRows& cut, bool gathered, int64_t used,
                 int64_t share) {
  float* const y = t.y;
  const Strided a = t.a;
  const int64_t vectors = (used + chosen.lanes - 1) / chosen.lanes;
  for (int64_t tile = 0, r = 0; tile < cut.tiles; ++tile, t.ahead += share) {
    const int64_t m = cut.rows_of(tile);
    t.a = gathered ? Strided{a.data + r * t.k, 1, m} : Strided{a.data + r * a.row, a.row, a.column};
    t.y = y + r * t.y_row;
    if (used == vectors * chosen.lanes) {
      chosen.tile(vectors, m)(t);
    } else {
      // the last vector hangs over: its columns go through here
      alignas(64) float edge[12 * kWidest];
      Tile through = t;
      through.y = edge, through.y_row = chosen.width;
      for (int64_t j = 0; t.add && j < m; ++j)
        std::copy_n(t.y + j * t.y_row, used, edge + j * chosen.width);
      chosen.tile(vectors, m)(through);
      for (int64_t j = 0; j < m; ++j) std::copy_n(edge + j * chosen.width, used, t.y + j * t.y_row);
    }
    r += m;
  }
}

#if defined(__x86_64__)
// to[c][r] = from[r][c] for 8 x 8.
SLIPWAY_TARGET("arch=x86-64-v3")
void transpose_8x8(const float* from, int64_t row, float* to, int64_t to_row) {
  __m256 r[8], s[8];
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(from + i * row);
  for (int i = 0; i < 8; i += 2)
    s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]), s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  for (int i = 0; i < 8; i += 4)
    for (int j = 0; j < 2; ++j) {
      r[i + 2 * j] = _mm256_shuffle_ps(s[i + j], s[i + j + 2], 0x44);
      r[i + 2 * j + 1] = _mm256_shuffle_ps(s[i + j], s[i + j + 2], 0xEE);
    }
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(to + i * to_row, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * to_row, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}
#endif

// Whole panels. Row by row through several of them: memory is read in long runs.
template <int64_t kWidth>
void pack_whole(const float* b, int64_t row, int64_t k, int64_t first, int64_t last, float* packed,
                int64_t stride) {
  constexpr int64_t kTogether = 32;
  for (int64_t group = first; group < last; group += kTogether)
    for (int64_t i = 0; i < k; ++i)
      for (int64_t p = group; p < std::min(last, group + kTogether); ++p)
        std::memcpy(packed + p * stride + i * kWidth, b + i * row + p * kWidth,
                    kWidth * sizeof(float));
}

}  // namespace

bool use(std::string_view instruction_set) {
  const auto found = kernel_of(instruction_set);
  if (found) kernel() = *found;
  return found.has_value();
}

std::string_view instruction_set() { return kernel().name; }

int64_t panel_width() { return kernel().width; }

int64_t lanes() { return kernel().lanes; }

int64_t tile_rows() { return kernel().rows; }

int64_t chain_depth(int64_t k) {
  const int64_t deepest = kPanelFloats / panel_width() / kChainUnit * kChainUnit,
                chains = std::max<int64_t>(1, (k + deepest - 1) / deepest);
  return std::max<int64_t>(1, ((k + chains - 1) / chains + kChainUnit - 1) / kChainUnit) *
         kChainUnit;
}

void pack_transposed(const float* w, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
                     float* packed, int64_t stride) {
  const int64_t width = panel_width();
  for (int64_t p = first; p < last; ++p) {
    float* panel = packed + p * stride;
    const float* from = w + p * width * row;
    const int64_t used = std::min(width, n - p * width);
    int64_t i = 0;
#if defined(__x86_64__)
    if (kernel().lanes >= 8 && used == width)
      // eight rows from front to back: no more streams than the processor foresees
      for (int64_t j = 0; j < width; j += 8)
        for (i = 0; i + 8 <= k; i += 8)
          transpose_8x8(from + j * row + i, row, panel + i * width + j, width);
#endif
    for (; i < k; ++i)
      for (int64_t j = 0; j < width; ++j)
        panel[i * width + j] = j < used ? from[j * row + i] : 0.0f;
  }
}

void pack(const float* b, int64_t row, int64_t n, int64_t k, int64_t first, int64_t last,
          float* packed, int64_t stride) {
  const int64_t width = panel_width(), whole = std::max(first, std::min(last, n / width));
  if (width == 32) pack_whole<32>(b, row, k, first, whole, packed, stride);
  else if (width == 24) pack_whole<24>(b, row, k, first, whole, packed, stride);
  else pack_whole<8>(b, row, k, first, whole, packed, stride);
  for (int64_t p = whole; p < last; ++p)  // the one that hangs over the edge
    for (int64_t i = 0; i < k; ++i) {
      const int64_t used = n - p * width;
      float* const to = packed + p * stride + i * width;
      std::copy_n(b + i * row + p * width, used, to);
      std::fill(to + used, to + width, 0.0f);
    }
}

void multiply(Strided a, int64_t rows, int64_t k, Panels b, int64_t n, int64_t first, int64_t last,
              float* y, int64_t y_row, bool add) {
  const Kernel& chosen = kernel();
  const int64_t width = chosen.width, chain = chain_depth(k),
                depth = chain * std::max<int64_t>(1, chosen.deepest / chain);
  const bool gathered = a.row == 1 && a.column != 1;
  static thread_local Scratch scratch;  // not an array: every thread of the process would have one
  float* const packed_rows = gathered ? scratch.take(kBlockRows * depth) : nullptr;
  for (int64_t block = 0; block < rows; block += kBlockRows) {
    const TileRows cut(std::min(kBlockRows, rows - block), chosen.rows);
    for (int64_t i = 0; i < k || i == 0; i += depth) {
      const int64_t part = std::min(depth, k - i);
      Tile t{};
      t.a = {a.data + block * a.row + i * a.column, a.row, a.column};
      if (gathered) {
        gather(t.a, part, cut, packed_rows);
        t.a.data = packed_rows;
      }
      t.k = part;
      t.chain = chain;
      t.y_row = y_row;
      t.add = add || i > 0;
      const int64_t share =
          share_ahead(part * width * static_cast<int64_t>(sizeof(float)), cut.tiles, t);
      for (int64_t p = first; p < last; ++p) {
        t.panel = b.data + p * b.stride + i * width;
        t.ahead = reinterpret_cast<const char*>(p + 1 < panels(n) ? t.panel + b.stride : t.panel);
        t.y = y + block * y_row + p * width;
        block_panel(chosen, t, cut, gathered, std::min(width, n - p * width), share);
      }
    }
  }
}

}  // namespace slipway::gemm
