// The rate that a run is judged by.
#include "operators/machine_rate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/json.h"
#include "base/trace.h"
#include "compute/peak.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(MachineRate, IsMeasuredOnceForEachArithmetic) {
  for (const bool bf16 : {false, true}) {
    const double first = machine_peak(bf16, 0);
    EXPECT_GT(first, 1e7);
    EXPECT_EQ(machine_peak(bf16, first), first);
  }
}

// What is measured when the peak is asked for.
std::vector<std::string> measurements(bool bf16, double seen) {
  const fs::path file = fs::path(testing::TempDir()) / "machine_rate.json";
  trace_start(file);
  machine_peak(bf16, seen);
  trace_stop();
  std::vector<std::string> names;
  const Json trace = parse_json(read_file(file), "trace");
  for (const Json& event : trace["traceEvents"])
    if (const std::string name = event.value("name", ""); name.starts_with("calibrate"))
      names.push_back(name);
  return names;
}

TEST(MachineRate, IsMeasuredAgainWhereARunPassesItAndOnlyThere) {
  const double first = machine_peak(false, 0);
  EXPECT_THAT(measurements(false, first), IsEmpty());
  EXPECT_THAT(measurements(false, 2 * first), ElementsAre("calibrate float32"));
  EXPECT_GE(machine_peak(false, 0), first);
}

TEST(MachineRate, ARunThatRoundsIsJudgedByThePeakOfBfloat16WhereThereIsOne) {
  ASSERT_EQ(accelerator(), nullptr);
  const bool has = multiply_add_peak(Arithmetic::kBfloat16, 1, 0).has_value();
  const double first = machine_peak(true, 0);
  EXPECT_THAT(measurements(true, 2 * first),
              ElementsAre(has ? "calibrate bfloat16" : "calibrate float32"));
}

}  // namespace
}  // namespace slipway
