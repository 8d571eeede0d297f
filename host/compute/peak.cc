// Choosing instructions, and timing them on all threads at once.
#include "compute/peak.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "compute/instruction_sets.h"
#include "compute/measure.h"
#include "compute/peak_bursts.h"
#include "compute/tiles.h"

namespace slipway {
namespace {

bool may_amx_bf16() { return has_amx_bf16() && ask_for_tiles() == 0; }
bool may_amx_int8() { return has_amx_int8() && ask_for_tiles() == 0; }
bool always() { return true; }

// Multiply-adds a second of all threads together: the best of turns that begin small and grow until
// the start of the threads does not show. They stay short, to find a quiet moment, and below the
// 2^24 up to which a chain counts exactly in float32.
double rate_of(double (*burst)(int), int threads, double seconds) {
  using Clock = std::chrono::steady_clock;
  constexpr int kLeastTurns = 16, kMostRepeats = 1 << 17;
  constexpr double kLongTurn = 5e-4;
  const auto since = [](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  std::vector<double> done(static_cast<size_t>(threads));
  double best = 0;
  const Clock::time_point begin = Clock::now();
  for (int turn = 0, repeats = 512; turn < kLeastTurns || since(begin) < seconds; ++turn) {
    const Clock::time_point one = Clock::now();
    at::parallel_for(0, threads, 1, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) done[static_cast<size_t>(t)] = burst(repeats);
    });
    const double took = since(one);
    best = std::max(best, std::accumulate(done.begin(), done.end(), 0.0) / took);
    if (took < kLongTurn) repeats = std::min(2 * repeats, kMostRepeats);
  }
  return best;
}

}  // namespace

std::span<const PeakInstructions> peak_instructions(Arithmetic of) {
  namespace b = peak_bursts;
#if defined(__x86_64__)
  static constexpr PeakInstructions kFloat32[] = {{"avx512", has_avx512, b::avx512_float32},
                                                  {"avx2", has_avx2, b::avx2_float32},
                                                  {"plain", always, b::plain_float32}};
  static constexpr PeakInstructions kBfloat16[] = {
      {"amx", may_amx_bf16, b::amx_bfloat16}, {"avx512_bf16", has_avx512_bf16, b::avx512_bfloat16}};
  static constexpr PeakInstructions kInt8[] = {{"amx", may_amx_int8, b::amx_int8},
                                               {"avx512_vnni", has_avx512_vnni, b::avx512_int8},
                                               {"avx_vnni", has_avx_vnni, b::avx_int8}};
  if (of == Arithmetic::kBfloat16) return kBfloat16;
  if (of == Arithmetic::kInt8) return kInt8;
#else
  static constexpr PeakInstructions kFloat32[] = {{"plain", always, b::plain_float32}};
  if (of != Arithmetic::kFloat32) return {};
#endif
  return kFloat32;
}

std::optional<Peak> multiply_add_peak(Arithmetic of, int threads, double seconds) {
  const ThreadCountScope scope(threads);
  std::optional<Peak> best;
  for (const PeakInstructions& set : peak_instructions(of)) {
    if (!set.here()) continue;
    // A processor that has better instructions was not made for plain ones.
    if (best && set.name == "plain") continue;
    const double rate = 2 * rate_of(set.burst, threads, seconds);
    if (!best || rate > best->rate) best = Peak{set.name, rate};
  }
  return best;
}

}  // namespace slipway
