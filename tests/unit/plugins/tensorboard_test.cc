// TensorBoard's event files, read back with a reader of the test's own.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <limits>

#include "plugin/logger.h"
#include "tests/unit/plugins/bundled.h"
#include "tests/unit/plugins/event_reader.h"

namespace slipway {
namespace {

using testing::HasSubstr;

// Event.summary.value with its event's place.
struct Entry {
  int64_t step;
  double time;
  std::string tag;
  ProtoMessage value;

  std::string plugin() const {
    return ProtoMessage(ProtoMessage(value.text(9)).text(1)).text(1);  // metadata.plugin_data
  }
  ProtoMessage tensor() const { return ProtoMessage(value.text(8)); }
};

double clock_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

class TensorBoard : public testing::Test {
 protected:
  LoggerPlugin logger(const std::string& options = "") const {
    RunFacts facts;
    facts.output_dir = folder.string();
    facts.run_id = "test";
    return LoggerPlugin(bundled("tensorboard", options, facts));
  }
  static void row(const LoggerPlugin& logger, int64_t step, double time,
                  std::vector<slw_metric> metrics) {
    logger.scalars(step, time, metrics);
  }

  std::vector<fs::path> files(const fs::path& where) const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(where)) out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
  }
  // The events of the only file, after its version record.
  std::vector<Entry> entries() const {
    const auto all = files(folder / "tensorboard");
    EXPECT_EQ(all.size(), 1u);
    return entries(all.at(0));
  }
  static std::vector<Entry> entries(const fs::path& file) {
    const std::vector<std::string> records = read_records(read_file(file));
    EXPECT_EQ(ProtoMessage(records.at(0)).text(3), "brain.Event:2");
    std::vector<Entry> out;
    for (size_t i = 1; i < records.size(); ++i) {
      const ProtoMessage event(records[i]), value(ProtoMessage(event.text(5)).text(1));
      out.push_back({static_cast<int64_t>(event.number(2)), event.real(1), value.text(1), value});
    }
    return out;
  }
  // simple_value, and neither a tensor nor the metadata that would make readers look for one: what
  // EventAccumulator.Scalars() finds.
  static float scalar(const Entry& entry) {
    EXPECT_EQ(entry.value.bytes.count(8) + entry.value.bytes.count(9), 0u) << entry.tag;
    const auto bits = static_cast<uint32_t>(entry.value.number(2));
    float out = 0;
    std::memcpy(&out, &bits, sizeof out);
    return out;
  }
  const fs::path folder = scratch();
};

TEST(Crc32c, BitwiseEqualsThePublishedCheckValue) {
  EXPECT_EQ(bitwise_crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(bitwise_crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
}

TEST_F(TensorBoard, TheFileIsNamedAndBegunAsTensorBoardExpects) {
  const double before = clock_now();
  const LoggerPlugin plugin = logger();
  plugin.begin("test", {}, false);
  plugin.end(SLW_OK);
  const auto all = files(folder / "tensorboard");
  ASSERT_EQ(all.size(), 1u);
  const std::string name = all[0].filename().string(), head = "events.out.tfevents.";
  EXPECT_THAT(name, testing::StartsWith(head));
  // seconds, and a dot
  EXPECT_EQ(name.find_first_not_of("0123456789", head.size()), head.size() + 10);
  EXPECT_THAT(name, testing::EndsWith("." + std::to_string(::getpid()) + ".0"));
  const std::vector<std::string> records = read_records(read_file(all[0]));
  ASSERT_EQ(records.size(), 1u);
  const ProtoMessage version(records[0]);
  EXPECT_EQ(version.text(3), "brain.Event:2");
  EXPECT_GE(version.real(1), before);
  EXPECT_LE(version.real(1), clock_now());
}

TEST_F(TensorBoard, ScalarsKeepStepTimeAndGroup) {
  const LoggerPlugin plugin = logger();
  plugin.begin("test", {}, false);
  row(plugin, 3, 1000.5, {{"loss", 0.1}, {"global_step", 3}, {"learning_rate", 5e-5}});
  row(plugin, int64_t{1} << 40, 1001.25, {{"eval_reward", -0.75}});
  row(plugin, 5, 1002, {{"progress/fraction", 0.5}, {"loss", 9}});  // for the terminal only
  plugin.end(SLW_OK);
  const auto all = entries();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].tag, "train/loss");
  EXPECT_EQ(all[1].tag, "train/learning_rate");
  EXPECT_EQ(all[2].tag, "eval/reward");
  EXPECT_EQ(scalar(all[0]), 0.1f);
  EXPECT_EQ(scalar(all[1]), 5e-5f);
  EXPECT_EQ(scalar(all[2]), -0.75f);
  EXPECT_EQ(all[0].step, 3);
  EXPECT_EQ(all[1].step, 3);
  EXPECT_EQ(all[2].step, int64_t{1} << 40);
  EXPECT_EQ(all[0].time, 1000.5);
  EXPECT_EQ(all[2].time, 1001.25);
}

TEST_F(TensorBoard, WhatIsNoNumberIsWrittenAsItIs) {
  const double infinity = std::numeric_limits<double>::infinity();
  const LoggerPlugin plugin = logger();
  plugin.begin("test", {}, false);
  row(plugin, 1, 1,
      {{"loss", std::numeric_limits<double>::quiet_NaN()},
       {"grad_norm", infinity},
       {"eval_loss", -infinity},
       {"tiny", 1e-300},
       {"huge", 1e300}});
  plugin.end(SLW_OK);
  const auto all = entries();
  ASSERT_EQ(all.size(), 5u);
  EXPECT_TRUE(std::isnan(scalar(all[0])));
  EXPECT_EQ(scalar(all[1]), std::numeric_limits<float>::infinity());
  EXPECT_EQ(scalar(all[2]), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(scalar(all[3]), 0.0f);
  EXPECT_EQ(scalar(all[4]), std::numeric_limits<float>::infinity());
}

TEST_F(TensorBoard, TextsAreStringTensors) {
  const LoggerPlugin plugin = logger();
  plugin.begin("test", {}, false);
  // a length of two bytes
  const std::string markdown = "**prompt** \u00fc\n\n" + std::string(300, 'x');
  plugin.text(7, 12.5, "samples", markdown);
  plugin.text(8, 13, "samples", "");
  plugin.end(SLW_OK);
  const auto all = entries();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].plugin(), "text");
  EXPECT_EQ(all[0].tag, "samples");
  EXPECT_EQ(all[0].step, 7);
  EXPECT_EQ(all[0].time, 12.5);
  EXPECT_EQ(all[0].tensor().number(1), 7u);  // DT_STRING
  EXPECT_EQ(ProtoMessage(ProtoMessage(all[0].tensor().text(2)).text(2)).number(1),
            1u);  // shape [1]
  EXPECT_EQ(all[0].tensor().text(8), markdown);
  EXPECT_EQ(all[1].tensor().text(8), "");
}

TEST_F(TensorBoard, RowsAreOnTheDiskWhenTheyWereLogged) {
  const LoggerPlugin plugin = logger();
  plugin.begin("test", {}, false);
  row(plugin, 1, 1, {{"loss", 1}});
  EXPECT_EQ(entries().size(), 1u);
  plugin.text(1, 1, "samples", "x");
  plugin.flush();
  EXPECT_EQ(entries().size(), 2u);
}

TEST_F(TensorBoard, EveryStartHasAFileOfItsOwn) {
  for (int64_t start = 0; start < 3; ++start) {  // same process, same second
    const LoggerPlugin plugin = logger();
    plugin.begin("test", {}, start > 0);
    row(plugin, start, 1, {{"loss", static_cast<double>(start)}});
    plugin.end(SLW_OK);
  }
  const auto all = files(folder / "tensorboard");
  ASSERT_EQ(all.size(), 3u);
  std::vector<int64_t> steps;
  for (const fs::path& file : all) {
    ASSERT_EQ(entries(file).size(), 1u);
    steps.push_back(entries(file)[0].step);
  }
  EXPECT_THAT(steps, testing::UnorderedElementsAre(0, 1, 2));
}

TEST_F(TensorBoard, AFolderOfOnesOwn) {
  const LoggerPlugin plugin = logger(fmt::format("folder = \"{}\"", (folder / "a" / "b").string()));
  plugin.begin("test", {}, false);
  plugin.end(SLW_OK);
  EXPECT_EQ(files(folder / "a" / "b").size(), 1u);
  EXPECT_FALSE(fs::exists(folder / "tensorboard"));
}

TEST_F(TensorBoard, WithoutARunFolderTheOptionIsNeeded) {
  EXPECT_THAT(error_of([] { bundled("tensorboard"); }),
              HasSubstr("set option \"folder\" (FAILED_PRECONDITION)"));
  EXPECT_EQ(
      error_of([&] { bundled("tensorboard", fmt::format("folder = \"{}\"", folder.string())); }),
      "");
}

TEST_F(TensorBoard, AFolderThatCannotBeWrittenIsAnError) {
  write_file_durably(folder / "file", "x");
  const auto error = [&](const fs::path& where) {
    const LoggerPlugin plugin = logger(fmt::format("folder = \"{}\"", where.string()));
    return error_of([&] { plugin.begin("test", {}, false); });
  };
  EXPECT_THAT(error(folder / "file" / "below"),
              testing::AllOf(HasSubstr("begin(): "), HasSubstr((folder / "file").string())));
  EXPECT_THAT(error(folder / "file"),
              testing::AllOf(HasSubstr("begin(): "), HasSubstr((folder / "file").string())));
  // even root cannot make a file there
  EXPECT_THAT(error("/proc/1"), HasSubstr("begin(): /proc/1/events.out"));
}

TEST_F(TensorBoard, AFullDiskIsAnErrorOfTheRowThatDidNotFit) {
  const LoggerPlugin plugin = logger();
  plugin.begin("test", {}, false);
  row(plugin, 1, 1, {{"loss", 1}});
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{fs::file_size(files(folder / "tensorboard").at(0)) + 10, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string error = error_of([&] { row(plugin, 2, 2, {{"loss", 2}}); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(error, testing::AllOf(HasSubstr("scalars(): " + (folder / "tensorboard").string()),
                                    HasSubstr("File too large")));
}

}  // namespace
}  // namespace slipway
