// The log thread with a real logger: everything arrives in order; a logger that fails is left out
// and nobody else suffers.
#include "loop/log_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <numeric>
#include <semaphore>

#include "base/log.h"

namespace slipway {
namespace {

class LogThreadTest : public testing::Test {
 protected:
  LogThreadTest() { fs::create_directories(folder); }
  ~LogThreadTest() override { fs::remove_all(folder); }
  LoggerPlugin tensorboard(const fs::path& run) {
    const auto& found = registry.find("tensorboard", SLW_KIND_LOGGER, {});
    RunFacts facts;
    facts.output_dir = run.string();
    facts.run_id = "test";
    return LoggerPlugin(Plugin(*found.library, *found.descriptor,
                               check_options(found.descriptor->options, nullptr, "t", {}), facts));
  }
  size_t bytes_of(const fs::path& run) const {
    size_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(run))
      bytes += entry.is_regular_file() ? entry.file_size() : 0;
    return bytes;
  }
  const fs::path folder = fs::temp_directory_path() / ("slipway-log-" + std::to_string(::getpid()));
  const Registry registry{{SLIPWAY_PLUGINS}};
};

// A logger in the test: begin() waits until it is let go on, scalars() writes the steps down.
struct HeldLogger : slw_plugin {
  std::binary_semaphore begun{0}, may_go_on{0}, first_row{0}, ended{0};
  std::vector<int64_t> steps;
};

slw_status wait(slw_plugin* plugin, const char*, const slw_value*, int32_t, slw_error*) noexcept {
  auto* logger = static_cast<HeldLogger*>(plugin->self);
  logger->begun.release();
  logger->may_go_on.acquire();
  return SLW_OK;
}
slw_status note(slw_plugin* plugin, int64_t step, double, const slw_metric*, uint64_t,
                slw_error*) noexcept {
  auto* logger = static_cast<HeldLogger*>(plugin->self);
  if (logger->steps.empty()) logger->first_row.release();
  logger->steps.push_back(step);
  return SLW_OK;
}

LoggerPlugin held(HeldLogger& logger) {
  static const slw_logger table = {
      sizeof table,
      0,
      wait,
      note,
      nullptr,
      nullptr,
      nullptr,
      [](slw_plugin*, slw_error*) noexcept { return slw_status{SLW_OK}; },
      [](slw_plugin* plugin, slw_status, slw_error*) noexcept {
        static_cast<HeldLogger*>(plugin->self)->ended.release();
        return slw_status{SLW_OK};
      }};
  static_cast<slw_plugin&>(logger) = {
      sizeof(slw_plugin),
      0,
      nullptr,
      &logger,
      [](slw_plugin*) noexcept {},
      [](slw_plugin*, const char* interface) noexcept -> const void* {
        return std::strcmp(interface, SLW_LOGGER) == 0 ? &table : nullptr;
      }};
  return LoggerPlugin(
      Plugin("org.test.held", [&](const slw_host*) -> slw_plugin* { return &logger; }, {}));
}

TEST_F(LogThreadTest, AFullQueueDropsPassingRowsFirstThenTheOldest) {
  constexpr int64_t kLimit = 1024;
  HeldLogger logger;
  std::vector<LoggerPlugin> loggers;
  loggers.push_back(held(logger));
  LogThread thread(std::move(loggers));
  thread.begin("test", {}, false);
  logger.begun.acquire();  // from here on nothing leaves the queue
  for (int64_t step = 0; step < kLimit + 2; ++step)
    thread.scalars(step, {{"loss", 1.0}}, step == 5);
  logger.may_go_on.release();
  logger.first_row.acquire();  // there is room again
  testing::internal::CaptureStderr();
  thread.end(SLW_OK);
  std::vector<int64_t> expected(static_cast<size_t>(kLimit + 2));
  std::iota(expected.begin(), expected.end(), 0);
  std::erase_if(expected, [](int64_t step) { return step == 5 || step == 0; });
  EXPECT_EQ(logger.steps, expected);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("2 rows were not handed to them"),
            std::string::npos);
}

TEST_F(LogThreadTest, TheEndTakesNoRowsPlace) {
  constexpr int64_t kLimit = 1024;
  static auto& logger = *new HeldLogger;  // lives as long as the thread, which is given up
  std::vector<LoggerPlugin> loggers;
  loggers.push_back(held(logger));
  LogThread thread(std::move(loggers), std::chrono::milliseconds(10));
  thread.begin("test", {}, false);
  logger.begun.acquire();
  for (int64_t step = 0; step < kLimit; ++step) thread.scalars(step, {{"loss", 1.0}});
  thread.end(SLW_OK);  // gives up: the queue is as full as it may be, and has the end too
  logger.may_go_on.release();
  logger.ended.acquire();
  std::vector<int64_t> expected(static_cast<size_t>(kLimit));
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(logger.steps, expected);
}

TEST_F(LogThreadTest, EndDeliversWhatWaits) {
  std::vector<LoggerPlugin> loggers;
  loggers.push_back(tensorboard(folder / "a"));
  LogThread thread(std::move(loggers));
  thread.begin("test", {}, false);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 500; ++i) thread.scalars(i, {{"loss", i * 0.5}});
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  thread.end(SLW_OK);
  EXPECT_LT(seconds, 1.0);  // handing over does not wait for the file
  const std::string file =
      read_file(fs::recursive_directory_iterator(folder / "a" / "tensorboard")->path());
  size_t records = 0;
  for (size_t at = 0; at + 12 <= file.size(); ++records) {
    uint64_t length = 0;
    std::memcpy(&length, file.data() + at, sizeof length);
    at += 16 + length;
  }
  EXPECT_EQ(records, 501u);  // the version record and every row
}

TEST_F(LogThreadTest, AFailingLoggerIsLeftOut) {
  write_file_durably(folder / "file", "x");
  std::vector<LoggerPlugin> loggers;
  loggers.push_back(tensorboard(folder / "file"));  // a folder cannot be made there
  loggers.push_back(tensorboard(folder / "good"));
  LogThread thread(std::move(loggers));
  thread.begin("test", {}, false);
  for (int i = 0; i < 10; ++i) thread.scalars(i, {{"loss", 1.0}});
  thread.end(SLW_OK);
  EXPECT_GT(bytes_of(folder / "good"), 500u);
}

TEST_F(LogThreadTest, WithoutLoggersNothingHappens) {
  LogThread thread({});
  thread.begin("test", {}, false);
  thread.scalars(1, {{"x", 1}});
  thread.end(SLW_OK);
}

TEST_F(LogThreadTest, ALoggerThatHangsAtTheEndIsLeftOut) {
  // Lives as long as the thread that is given up: for ever.
  static auto& logger = *new HeldLogger;
  std::vector<LoggerPlugin> loggers;
  loggers.push_back(held(logger));
  LogThread thread(std::move(loggers), std::chrono::milliseconds(50));
  thread.begin("run", {}, false);
  logger.begun.acquire();
  testing::internal::CaptureStderr();
  thread.end(SLW_OK);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("has not returned for 0 s since the run ended; it is left out"));
  logger.may_go_on.release();
}

}  // namespace
}  // namespace slipway
