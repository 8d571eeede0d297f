// AMX's tiles, which a program may use only after it has asked the system.
#pragma once
#include <cstdint>

namespace slipway {

// Linux gives a process the tiles' state, 8 KiB a thread, when it asks: 0, or the error. Asks once.
int ask_for_tiles();

// What ldtilecfg takes: eight tiles of 16 rows of 64 bytes, unless rows are changed.
struct alignas(64) TileConfiguration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};  // of a row
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfiguration) == 64);

}  // namespace slipway
