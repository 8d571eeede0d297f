// What peak.cc measures with: one function an instruction set, as PeakInstructions has it. Call
// only what the processor has.
#pragma once

namespace slipway::peak_bursts {

// Chains beside each other: as many as fill two units of a latency of seven, and 16 registers hold
// with the operands.
constexpr int kChains = 14;

double plain_float32(int repeats);
#if defined(__x86_64__)
double avx2_float32(int repeats);
double avx512_float32(int repeats);
double avx512_bfloat16(int repeats);
double avx_int8(int repeats);
double avx512_int8(int repeats);
// The calling thread's tiles are its own again at the end.
double amx_bfloat16(int repeats);
double amx_int8(int repeats);
#endif

}  // namespace slipway::peak_bursts
