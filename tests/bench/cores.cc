// How much arithmetic the cores have right now: multiply-adds a second, with one thread and with
// all, as JSON. A virtual machine's cores may be whole ones in one second, and in the next the two
// halves of one: then all threads together get what one gets alone, and nothing in /proc says so.
// Takes a fifth of a second.
#include <cstdio>

#include "compute/measure.h"
#include "compute/peak.h"

int main() {
  using namespace slipway;
  const auto rate = [](int threads) {
    constexpr double kSeconds = 0.05;
    const auto peak = multiply_add_peak(Arithmetic::kFloat32, threads, kSeconds);
    return peak ? peak->rate : 0.0;
  };
  const double one = rate(1), all = rate(thread_count());
  std::printf("{\"one\": %.0f, \"all\": %.0f}\n", one, all);
}
