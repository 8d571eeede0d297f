// Sets of files: killed at any call, a folder has the old set or the new one, and never passes for
// whole with half of each.
#include "base/file_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/error.h"
#include "base/place.h"
#include "tests/unit/base/recorded_calls.h"

namespace slipway {
namespace {

using Files = std::map<std::string, std::string>;

const Files kOne = {
    {"config.json", "old"}, {"model.safetensors", "old weights"}, {"tokenizer.json", "same"}};
const Files kShards = {{"config.json", "new"},
                       {"model-1", "new"},
                       {"model-2", "new"},
                       {"model.index", "new"},
                       {"tokenizer.json", "same"}};

Files there(const fs::path& folder) {
  Files out;
  for (const fs::path& path : list_folder(folder))
    if (fs::is_regular_file(path) && path.filename() != "metrics.jsonl")
      out[path.filename().string()] = read_file(path);
  return out;
}

class FileSets : public testing::Test {
 protected:
  void begin_with(const Files& files) {
    fs::remove_all(folder);
    write(folder, files);
    write_file_durably(folder / "metrics.jsonl", "the run's");
  }
  static void write(const fs::path& into, const Files& files) {
    fs::create_directories(into);
    for (const auto& [name, text] : files) std::ofstream(into / name) << text;
  }
  void place(const Files& files) {
    FileSet set(folder);
    for (const auto& [name, text] : files) write_file_durably(set.part() / name, text);
    std::vector<std::string> obsolete;
    for (const auto& [name, text] : there(folder))
      if (!files.contains(name)) obsolete.push_back(name);
    set.place(obsolete, "config.json");
  }
  // Kills the placing at each of its calls on the disk. Returns at how many.
  size_t killed_everywhere(const Files& before, const Files& after) {
    const WithoutWarnings quiet;
    for (size_t n = 0;; ++n) {
      begin_with(before);
      bool died = false;
      {
        RecordedCalls disk(folder);
        disk.die_after(n);
        try {
          place(after);
        } catch (const Error&) {
        }
        died = disk.died();
      }
      const Files seen = there(folder);
      EXPECT_TRUE(seen == before || seen == after || !seen.contains("config.json"))
          << n << ": other programs would take half of each";
      finish_file_set(folder);
      tidy(folder);
      const Files left = there(folder);
      EXPECT_TRUE(left == before || left == after) << n;
      EXPECT_EQ(read_file(folder / "metrics.jsonl"), "the run's");
      EXPECT_EQ(list_folder(folder).size(), left.size() + 1) << n << ": something hidden stayed";
      if (!died && left == after) return n;
    }
  }
  const fs::path folder = fs::path(SLIPWAY_SCRATCH) / "FileSets" /
                          testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(FileSets, AreTheOldOnesOrTheNewOnesWhateverCallIsTheLast) {
  EXPECT_GT(killed_everywhere(kOne, kShards), 20u);
  EXPECT_GT(killed_everywhere(kShards, kOne), 20u);
  EXPECT_GT(killed_everywhere({}, kOne), 10u);
}

TEST_F(FileSets, OneFileThatChangesIsOneRename) {
  begin_with(kOne);
  Files next = kOne;
  next["model.safetensors"] = "new weights";
  {
    const RecordedCalls disk(folder);
    place(next);
    size_t renames = 0;
    for (const std::string& call : disk.calls())
      renames +=
          call.starts_with("rename") && call.find("slipway-gone") == std::string::npos ? 1 : 0;
    EXPECT_EQ(renames, 1u);
  }
  EXPECT_EQ(there(folder), next);
  EXPECT_GT(killed_everywhere(kOne, next), 8u);
}

TEST_F(FileSets, TheNextRunFinishesWhatWasCompleteAndForgetsWhatWasNot) {
  begin_with(kOne);
  write(folder / ".model.slipway-ready",
        {{"config.json", "new"},
         {"model-1", "new"},
         {".order.json", R"({"last": "config.json", "obsolete": ["model.safetensors"]})"}});
  write(folder / ".model.slipway-part", {{"config.json", "newer"}});
  const Files expected = {{"config.json", "new"}, {"model-1", "new"}, {"tokenizer.json", "same"}};
  finish_file_set(folder);
  EXPECT_EQ(there(folder), expected);
  {
    const FileSet abandoned(folder);
  }
  EXPECT_EQ(there(folder), expected);
  EXPECT_FALSE(fs::exists(folder / ".model.slipway-part"));
}

}  // namespace
}  // namespace slipway
