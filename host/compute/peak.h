// The multiply-add peak of this processor: what its arithmetic alone can do, by independent chains
// of multiply-adds that stay in registers. No product of matrices is faster, whoever wrote it.
#pragma once
#include <optional>
#include <span>
#include <string_view>

namespace slipway {

// Of the numbers that are multiplied; float32 and bfloat16 are summed in float32, int8 in int32.
enum class Arithmetic { kFloat32, kBfloat16, kInt8 };

struct Peak {
  std::string_view instructions;  // "avx512", "avx2", "plain"; "amx", "avx512_bf16"; "avx512_vnni"
  double rate;                    // operations a second, a multiply-add counted as two
};

// Of `threads` threads at the same time, by the instructions that are fastest: the best of what was
// seen within about `seconds` for each set that could be it. nullopt: the processor has no
// instructions that multiply and add such numbers, or the system does not let programs use them.
// [loop]
std::optional<Peak> multiply_add_peak(Arithmetic of, int threads, double seconds);

// For tests. One set of instructions: `burst` goes through its chains `repeats` times and returns
// how many multiply-adds that were, read from the chains themselves: each adds 1 x 1.
struct PeakInstructions {
  std::string_view name;
  bool (*here)();
  double (*burst)(int repeats);
};
std::span<const PeakInstructions> peak_instructions(Arithmetic of);

}  // namespace slipway
