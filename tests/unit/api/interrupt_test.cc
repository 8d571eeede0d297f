// The signals that end a run.
#include "api/interrupt.h"

#include <csignal>

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::KilledBySignal;

TEST(InterruptDeath, TheFirstSignalAsksTheSecondEnds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const int signal : {SIGINT, SIGTERM})
    EXPECT_EXIT(
        {
          stop_on_signals();
          std::raise(signal);
          std::fprintf(stderr, stop_requested() ? "asked\n" : "not asked\n");
          std::raise(signal);
        },
        KilledBySignal(signal), "^asked\n$");
  EXPECT_FALSE(stop_requested());
}

}  // namespace
}  // namespace slipway
