// The rate that a run is judged by.
#include "operators/machine_rate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "base/json.h"
#include "base/trace.h"
#include "compute/peak.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

TEST(MachineRate, IsMeasuredOnceForEachArithmetic) {
  for (const bool bf16 : {false, true}) {
    const double first = machine_peak(bf16, 0);
    EXPECT_GT(first, 1e7);
    EXPECT_EQ(machine_peak(bf16, first), first);
  }
}

TEST(MachineRate, ARunThatRoundsIsJudgedByThePeakOfBfloat16WhereThereIsOne) {
  ASSERT_EQ(accelerator(), nullptr);
  const bool has = multiply_add_peak(Arithmetic::kBfloat16, 1, 0).has_value();
  EXPECT_EQ(machine_peak(true, 0) == machine_peak(false, 0), !has);
}

// How often the peak of float32 is measured when it is asked for.
size_t measurements(double seen) {
  const fs::path file = fs::path(testing::TempDir()) / "machine_rate.json";
  trace_start(file);
  machine_peak(false, seen);
  trace_stop();
  const Json trace = parse_json(read_file(file), "trace");
  return static_cast<size_t>(std::ranges::count_if(trace["traceEvents"], [](const Json& event) {
    return event.value("name", "") == "calibrate multiply-adds";
  }));
}

TEST(MachineRate, IsMeasuredAgainWhereARunPassesItAndOnlyThere) {
  const double first = machine_peak(false, 0);
  EXPECT_EQ(measurements(first), 0u);
  EXPECT_EQ(measurements(2 * first), 1u);
  EXPECT_GE(machine_peak(false, 0), first);
}

}  // namespace
}  // namespace slipway
