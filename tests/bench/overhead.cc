// What the plugin boundary costs: nanoseconds of a call, of an event that one callback hears, and
// of one that nobody wants.
//
// usage: slipway_bench_overhead PLUGIN.so [--limit NANOSECONDS]
//
// Prints one JSON object. Exits with 1 when a call takes longer than the limit.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/json.h"
#include "loop/events.h"
#include "plugin/library.h"

namespace slipway {
namespace {

constexpr int kBatches = 301, kCallsPerBatch = 20'000;

// The compiler must take it that somebody looks at everything in memory here, or it would drop
// loops without effect.
void look_at_memory() { asm volatile("" ::: "memory"); }

template <class Body>
double nanoseconds(const Body& body) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> batches;
  for (int b = 0; b < kBatches; ++b) {
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < kCallsPerBatch; ++i) {
      body();
      look_at_memory();
    }
    batches.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count() /
                      kCallsPerBatch);
  }
  std::ranges::nth_element(batches, batches.begin() + kBatches / 2);
  return batches[kBatches / 2];
}

CallbackPlugin make(Library& library) {
  return CallbackPlugin(Plugin(library, *library.descriptors()[0], {}, {}));
}

Json measure(const fs::path& file) {
  Library library(file, read_note(file));
  const CallbackPlugin plugin = make(library);
  std::vector<CallbackPlugin> heard_by;
  heard_by.push_back(make(library));
  const TrainerState state;
  TrainAccess access;
  Events events(std::move(heard_by), state, access);
  slw_event event{};
  event.struct_size = sizeof event;
  event.type = SLW_ON_STEP_END;
  uint32_t control = 0;
  Json out;
  out["loop_ns"] = nanoseconds([] {});
  out["call_ns"] = nanoseconds([&] { plugin.on_event(event, control); });
  out["heard_event_ns"] = nanoseconds([&] { events.tell(SLW_ON_STEP_END); });
  out["unwanted_event_ns"] = nanoseconds([&] { events.tell(SLW_ON_SUBSTEP_END); });
  return out;
}

}  // namespace
}  // namespace slipway

int main(int argc, char** argv) {
  if (argc != 2 && (argc != 4 || std::strcmp(argv[2], "--limit") != 0)) {
    std::fprintf(stderr, "usage: slipway_bench_overhead PLUGIN.so [--limit NANOSECONDS]\n");
    return 2;
  }
  try {
    const slipway::Json result = slipway::measure(argv[1]);
    std::puts(result.dump().c_str());
    return argc == 4 && result["call_ns"].get<double>() > std::atof(argv[3]) ? 1 : 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "slipway_bench_overhead: %s\n", e.what());
    return 1;
  }
}
