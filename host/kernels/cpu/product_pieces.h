// How a product of low precision is cut among threads.
#pragma once
#include <algorithm>
#include <span>
#include <vector>

#include "compute/parallel.h"
#include "kernels/cpu/product.h"

namespace slipway::product_pieces {

// Below this many multiply-adds a product is done on the calling thread: waking another costs more.
constexpr int64_t kAlone = 400'000;
// Rows that one pass over a piece's panels takes: their operands stay in the second-level cache.
constexpr int64_t kPassRows = 128;
constexpr int64_t kPackedTogether = 8;  // panels of a piece of packed weights, at most

// body(chunk) for all of them; `work`: multiply-adds.
template <class Body>
void in_chunks(int64_t work, int64_t chunks, const Body& body) {
  if (work >= kAlone) return parallel_chunks(chunks, body);
  for (int64_t chunk = 0; chunk < chunks; ++chunk) body(chunk);
}

// Units of a piece: `together`, or fewer where threads would have none; kernels like them even.
inline int64_t units_of_piece(int64_t units, int64_t together) {
  const int64_t wanted = 4 * parallel_threads(),
                fair = std::clamp<int64_t>(units / wanted, 1, together);
  return fair == 1 ? 1 : fair / 2 * 2;
}

// body(weight, first panel, last panel, first column of the weight in y) for pieces of all weights,
// whose panels have `width` columns.
template <class Body>
void for_pieces(std::span<const PackedWeight> weights, int64_t width, int64_t rows, int64_t k,
                const Body& body) {
  struct Piece {
    const PackedWeight* weight;
    int64_t first, last, column;
  };
  static thread_local std::vector<Piece> mine;
  std::vector<Piece>& pieces = mine;  // of this thread, for all of them
  pieces.clear();
  const auto panels = [&](const PackedWeight& weight) { return (weight.n + width - 1) / width; };
  int64_t all = 0, n = 0;
  for (const PackedWeight& weight : weights) all += panels(weight);
  const int64_t together = units_of_piece(all, kPackedTogether);
  for (const PackedWeight& weight : weights) {
    for (int64_t first = 0; first < panels(weight); first += together)
      pieces.push_back({&weight, first, std::min(panels(weight), first + together), n});
    n += weight.n;
  }
  in_chunks(rows * k * n, static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const Piece& piece = pieces[static_cast<size_t>(i)];
    body(*piece.weight, piece.first, piece.last, piece.column);
  });
}

}  // namespace slipway::product_pieces
