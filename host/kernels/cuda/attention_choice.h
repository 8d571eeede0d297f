// Which of the attention kernels serve heads of a width on a card: kWidth is the next of 64, 128
// and 256, kTile the largest of 64, 32 and 16 whose forward and backward kernels both find room in
// a block's shared memory.
#pragma once
#include <cstdint>
#include <type_traits>

namespace slipway::cuda {

constexpr int kWidths[] = {64, 128, 256}, kTiles[] = {64, 32, 16};

// Bytes of shared memory. Forward: queries, keys or values, scores.
constexpr int forward_shared(int width, int tile) {
  return (2 * tile * (width + 4) + tile * (tile + 4)) * static_cast<int>(sizeof(float));
}
// Backward: queries, their gradients, keys, values, scores, and two numbers a query.
constexpr int backward_shared(int width, int tile) {
  return (4 * tile * (width + 4) + tile * (tile + 4) + 2 * tile) * static_cast<int>(sizeof(float));
}

// Of the kernels that compute in bfloat16, which exist for tiles of 64 rows of up to 128 columns.
// Forward: queries or keys, and values by pairs of rows. Backward: keys, values, queries and their
// gradients, the latter two also by pairs, and two numbers a query.
constexpr int rounded_forward_shared(int width) {
  return (64 * (width / 2 + 4) + 32 * (width + 8)) * 4;
}
constexpr int rounded_backward_shared(int width) {
  return (4 * 64 * (width / 2 + 4) + 2 * 32 * (width + 8) + 2 * 64) * 4;
}
constexpr bool has_rounded_kernels(int width, int tile) { return width <= 128 && tile == 64; }
static_assert(rounded_backward_shared(64) <= backward_shared(64, 64) &&
              rounded_backward_shared(128) <= backward_shared(128, 64));

// 0: heads are wider than all kernels.
constexpr int kernel_width(int64_t head_width) {
  for (const int width : kWidths)
    if (head_width <= width) return width;
  return 0;
}

// 0: not even the smallest tile fits into `shared_bytes`, or the heads are too wide.
constexpr int tile_for(int64_t head_width, int64_t shared_bytes) {
  const int width = kernel_width(head_width);
  for (const int tile : kTiles)
    if (width != 0 && forward_shared(width, tile) <= shared_bytes &&
        backward_shared(width, tile) <= shared_bytes)
      return tile;
  return 0;
}

// work(kWidth, kTile) with both as std::integral_constant.
template <class Work>
void with_attention_kernels(int width, int tile, const Work& work) {
  const auto with_tile = [&](auto chosen_width) {
    if (tile == 64) work(chosen_width, std::integral_constant<int, 64>{});
    else if (tile == 32) work(chosen_width, std::integral_constant<int, 32>{});
    else work(chosen_width, std::integral_constant<int, 16>{});
  };
  if (width == 64) with_tile(std::integral_constant<int, 64>{});
  else if (width == 128) with_tile(std::integral_constant<int, 128>{});
  else with_tile(std::integral_constant<int, 256>{});
}

}  // namespace slipway::cuda
