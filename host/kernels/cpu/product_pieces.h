// How products are cut among threads.
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
// What packing a value costs, in multiply-adds: so that the same threshold holds for it.
constexpr int64_t kPackingCost = 100;

// body(chunk) for all of them; `work`: multiply-adds.
template <class Body>
void in_chunks(int64_t work, int64_t chunks, const Body& body) {
  if (work >= kAlone) return parallel_chunks(chunks, body);
  for (int64_t chunk = 0; chunk < chunks; ++chunk) body(chunk);
}
// The same of chunks that become smaller towards the end.
template <class Body>
void in_order(int64_t work, int64_t chunks, const Body& body) {
  if (work >= kAlone) return parallel_in_order(chunks, body);
  for (int64_t chunk = 0; chunk < chunks; ++chunk) body(chunk);
}

// Multiply-adds that are worth a piece of their own. Few rows wait for memory: they count as some.
constexpr int64_t kLeast = 1'000'000, kFewRows = 16;

// Pieces of rows for a product of so much work: as many as are worth it and all threads have use
// for, of at most `most` rows; there are `units` of rows to cut between.
inline int64_t pieces_of_rows(int64_t work, int64_t rows, int64_t units, int64_t most) {
  const int64_t threads = parallel_threads(), fewest = (rows + most - 1) / most;
  return std::min(
      units, std::clamp(work / kLeast, std::max(threads, fewest), std::max(4 * threads, fewest)));
}

// The least units of a piece, `each` being the multiply-adds of one.
inline int64_t least_units(int64_t each, int64_t most) {
  return std::clamp<int64_t>(kLeast / std::max<int64_t>(1, each), 1, most);
}

// Units of the next piece where `left` are left: pieces become smaller and smaller, so that threads
// are done at about the same time. Kernels like them even.
inline int64_t units_of_piece(int64_t left, int64_t least, int64_t most) {
  const int64_t fair =
      std::min(left, std::clamp<int64_t>(left / (2 * parallel_threads()), least, most));
  return fair == 1 ? 1 : fair / 2 * 2;
}

// body(begin, end) over [0, count) in pieces of at most `most`, one after the other; `each`:
// multiply-adds of one of `count`.
template <class Body>
void for_dwindling_ranges(int64_t count, int64_t most, int64_t each, const Body& body) {
  const int64_t least = least_units(each, most);
  for (int64_t begin = 0, end = 0; begin < count; begin = end) {
    end = begin + units_of_piece(count - begin, least, most);
    body(begin, end);
  }
}

// The same on all threads.
template <class Body>
void in_pieces(int64_t count, int64_t most, int64_t each, const Body& body) {
  struct Piece {
    int64_t begin, end;
  };
  static thread_local std::vector<Piece> mine;
  std::vector<Piece>& pieces = mine;  // of this thread, for all of them
  pieces.clear();
  for_dwindling_ranges(count, most, each,
                       [&](int64_t begin, int64_t end) { pieces.push_back({begin, end}); });
  in_order(each * count, static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const Piece& piece = pieces[static_cast<size_t>(i)];
    body(piece.begin, piece.end);
  });
}

inline bool is_wanted(const PackedWeight&) { return true; }
inline bool is_wanted(const Weight&) { return true; }
inline bool is_wanted(const WeightGradient& gradient) { return gradient.dw != nullptr; }

// body(weight, first panel, last panel, first column of the weight in y) for pieces of all weights,
// whose panels have `width` columns; or of gradients that are wanted, whose panels are as many of
// their rows.
template <class AnyWeight, class Body>
void for_pieces(std::span<const AnyWeight> weights, int64_t width, int64_t rows, int64_t k,
                const Body& body) {
  struct Piece {
    const AnyWeight* weight;
    int64_t first, last, column;
  };
  static thread_local std::vector<Piece> mine;
  std::vector<Piece>& pieces = mine;  // of this thread, for all of them
  pieces.clear();
  const auto panels = [&](const AnyWeight& weight) {
    return is_wanted(weight) ? (weight.n + width - 1) / width : 0;
  };
  int64_t left = 0, n = 0;
  for (const AnyWeight& weight : weights) left += panels(weight);
  const int64_t work = rows * k * width * left;
  const int64_t least = least_units(std::max(rows, kFewRows) * k * width, kPackedTogether);
  for (const AnyWeight& weight : weights) {
    for (int64_t first = 0, last = 0; first < panels(weight); first = last) {
      last = std::min(panels(weight), first + units_of_piece(left, least, kPackedTogether));
      pieces.push_back({&weight, first, last, n});
      left -= last - first;
    }
    n += weight.n;
  }
  in_order(work, static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const Piece& piece = pieces[static_cast<size_t>(i)];
    body(*piece.weight, piece.first, piece.last, piece.column);
  });
}

// body(item, first block, last block, first column of the item) for the part of all items that is
// `piece` of `pieces`: of each item its own part, where every one has blocks for all pieces; else
// of all blocks in a row. n of a block: `size`.
template <class Item, class Body>
void for_part(std::span<const Item> items, int64_t size, int64_t piece, int64_t pieces,
              const Body& body) {
  const auto blocks_of = [&](const Item& item) {
    return is_wanted(item) ? (item.n + size - 1) / size : 0;
  };
  int64_t all = 0, first = 0, column = 0;
  bool each = true;
  for (const Item& item : items) {
    const int64_t blocks = blocks_of(item);
    all += blocks, each = each && (blocks == 0 || blocks >= pieces);
  }
  for (const Item& item : items) {
    const int64_t blocks = blocks_of(item), of = each ? blocks : all,
                  begin = piece * of / pieces - (each ? 0 : first),
                  end = (piece + 1) * of / pieces - (each ? 0 : first);
    if (const int64_t from = std::max<int64_t>(0, begin), until = std::min(end, blocks);
        from < until)
      body(item, from, until, column);
    first += blocks, column += item.n;
  }
}

}  // namespace slipway::product_pieces
