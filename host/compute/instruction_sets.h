// Functions that are built for other instruction sets than the rest, and what this processor has.
#pragma once

// One body, three instruction sets; the loader picks. Sanitizers and resolvers do not get along:
// plain there.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define SLIPWAY_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SLIPWAY_CLONES
#endif

// One function for one instruction set, which the caller has made sure of.
#if defined(__x86_64__)
#define SLIPWAY_TARGET(name) __attribute__((target(name)))
#else
#define SLIPWAY_TARGET(name)
#endif

namespace slipway {

// AVX2 and FMA, with what else x86-64-v3 has.
bool has_avx2();
bool has_avx_vnni();  // and AVX2
// F, BW, CD, DQ and VL: x86-64-v4.
bool has_avx512();
bool has_avx512_bf16();  // and AVX-512
bool has_avx512_vnni();
// AMX's dot products; whether a program may use its tiles, the system says (compute/tiles.h).
bool has_amx_bf16();
bool has_amx_int8();

}  // namespace slipway
