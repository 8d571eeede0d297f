// What the tiles of gemm are called with, and the sets of them.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/cpu/gemm.h"

namespace slipway::gemm {

constexpr int64_t kEvery16 = 16, kEvery4 = 4;

// y[0..M) [the panel's first vectors] (+)= a[0..M) . panel.
struct Tile {
  Strided a;
  int64_t k, chain;    // chains of `chain` steps and a last one of what is left
  const float* panel;  // aligned to 32 bytes
  // What comes next is asked of memory while this is worked on: from `ahead` on, so many cache
  // lines every so many steps of k.
  const char* ahead;
  int64_t ahead_steps, ahead_lines;  // steps: kEvery16 or kEvery4
  float* y;
  int64_t y_row;
  bool add;
};
using TileFunction = void (*)(const Tile& t);

// The tiles of one instruction set. Each element is one chain of fused multiply-adds over k,
// whichever tile it falls into.
struct Kernel {
  std::string_view name;
  int64_t lanes, width, rows;  // floats of a vector; columns of a panel; rows of the largest tile
  // A tile goes on to the next chains of its elements up to this k: what it begins and ends with
  // counts for less, and y is read again while it is in cache. 0: one chain at a time.
  int64_t deepest;
  const TileFunction* tiles;  // by vectors, then by rows
  // The tile of `m` rows and the first `vectors` vectors of a panel.
  TileFunction tile(int64_t vectors, int64_t m) const {
    return tiles[(vectors - 1) * rows + m - 1];
  }
};

// nullopt: no such set, or not on this processor.
std::optional<Kernel> kernel_of(std::string_view instruction_set);

}  // namespace slipway::gemm
