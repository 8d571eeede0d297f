// AMX's instructions on tiles 0 to 7, of which the calling thread has loaded a configuration
// (compute/tiles.h). Written as assembly: the compiler's own functions do not tell it that they
// read memory. Tests compile the kernels over tests/unit/kernels/cpu/emulated_tiles.h instead.
#pragma once
#include "compute/tiles.h"

#define SLIPWAY_CONFIGURE(configuration) \
  asm volatile("ldtilecfg %0" ::"m"(configuration) : "memory")
#define SLIPWAY_RELEASE() asm volatile("tilerelease" ::: "memory")
#define SLIPWAY_ZERO(tile) asm volatile("tilezero %%tmm" #tile::)
#define SLIPWAY_LOAD(tile, from, row_bytes) \
  asm volatile("tileloadd (%0,%1,1), %%tmm" #tile::"r"(from), "r"(row_bytes) : "memory")
#define SLIPWAY_STORE(tile, to, row_bytes) \
  asm volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"(row_bytes) : "memory")
// Tile c += tile a x tile b: of pairs of bfloat16, and of four int8.
#define SLIPWAY_DOT(c, a, b) asm volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c::)
#define SLIPWAY_DOT_INT8(c, a, b) asm volatile("tdpbssd %%tmm" #b ", %%tmm" #a ", %%tmm" #c::)
