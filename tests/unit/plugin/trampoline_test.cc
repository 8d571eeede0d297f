// Plugins that take the process down: the last words name the plugin and the function. Each dies in
// a child process.
#include "plugin/trampoline.h"

#include <atomic>
#include <csignal>
#include <thread>

#include <sys/resource.h>

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::KilledBySignal;

class PluginDeath : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

void score_after_handler(const char* fixture_name, const char* option, const char* value) {
  const rlimit stack{8 << 20, 8 << 20};  // an unlimited one would let the recursion eat the machine
  ::setrlimit(RLIMIT_STACK, &stack);
  install_crash_handler();
  const Value options =
      *option == '\0' ? Value{} : option_table(option, Value::of(std::string(value)));
  reward(fixture_name, options).score(rows({"a", "b"}), 1, false);
}

TEST_F(PluginDeath, SegmentationFaultNamesPluginAndFunction) {
  EXPECT_EXIT(score_after_handler("moody", "mode", "crash"), KilledBySignal(SIGSEGV),
              "slipway: fatal signal SIGSEGV inside plugin org.test.moody, score\\(\\)");
}

TEST_F(PluginDeath, AbortNamesPluginAndFunction) {
  EXPECT_EXIT(score_after_handler("moody", "mode", "abort"), KilledBySignal(SIGABRT),
              "slipway: fatal signal SIGABRT inside plugin org.test.moody, score\\(\\)");
}

TEST_F(PluginDeath, EndlessRecursionNamesPluginAndFunction) {
  EXPECT_EXIT(score_after_handler("moody", "mode", "recurse"), KilledBySignal(SIGSEGV),
              "slipway: fatal signal SIGSEGV inside plugin org.test.moody, score\\(\\)");
}

TEST_F(PluginDeath, ExceptionWithoutABarrierNamesPluginAndFunction) {
  EXPECT_EXIT(score_after_handler("raw_throw", "", ""), KilledBySignal(SIGABRT),
              "slipway: fatal signal SIGABRT inside plugin org.test.raw-throw, score\\(\\)");
}

TEST_F(PluginDeath, CrashOnASharedThreadNamesThePlugin) {
  EXPECT_EXIT(
      score_after_handler("services", "use", "workers-crash"), KilledBySignal(SIGSEGV),
      "slipway: fatal signal SIGSEGV inside plugin org.test.services, parallel_for task\\(\\)");
}

// Several threads reach the fault at the same moment: the words are still one thread's, and whole.
TEST_F(PluginDeath, CrashOfSeveralThreadsSpeaksOnce) {
  EXPECT_EXIT(
      {
        install_crash_handler();
        std::atomic<int> ready{0};
        const auto crash = [&] {
          const PluginCallScope call("org.test.x", "score");
          for (++ready; ready < 4;) {
          }
          std::raise(SIGSEGV);
        };
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) threads.emplace_back(crash);
        for (std::thread& thread : threads) thread.join();
      },
      KilledBySignal(SIGSEGV),
      "^[^s]*slipway: fatal signal SIGSEGV inside plugin org.test.x, score\\(\\)\n$");
}

TEST_F(PluginDeath, CrashElsewhereBlamesNobody) {
  EXPECT_EXIT(
      {
        install_crash_handler();
        std::raise(SIGSEGV);
      },
      KilledBySignal(SIGSEGV), "slipway: fatal signal SIGSEGV\n");
}

TEST(PluginCalls, NestAndUnwind) {
  const PluginCallScope outer("org.test.outer", "score");
  EXPECT_THROW(call_plugin("org.test.inner", "ask",
                           [](slw_error*) {
                             EXPECT_STREQ(current_plugin_call.plugin, "org.test.inner");
                             return slw_status{SLW_INTERNAL};
                           }),
               Error);
  EXPECT_STREQ(current_plugin_call.plugin, "org.test.outer");
}

TEST(StatusNames, EndWhereTheStatusesEnd) {
  EXPECT_EQ(status_name(SLW_OK), "OK");
  EXPECT_EQ(status_name(SLW_DATA_LOSS), "DATA_LOSS");
  EXPECT_EQ(status_name(SLW_DATA_LOSS + 1), "not a status");
  EXPECT_EQ(status_name(-1), "not a status");
}

}  // namespace
}  // namespace slipway
