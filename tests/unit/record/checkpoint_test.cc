// Checkpoints: whole or absent.
#include "record/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

#include "base/manifest.h"
#include "base/place.h"
#include "record/rotation.h"
#include "tests/unit/base/recorded_calls.h"

namespace slipway {
namespace {

class Checkpoint : public testing::Test {
 protected:
  Checkpoint() { fs::create_directories(folder); }
  ~Checkpoint() override { fs::remove_all(folder); }
  fs::path write(int64_t step, const std::string& text) {
    return write_checkpoint(folder, step,
                            {{"a.txt", [&](const fs::path& p) { write_file_durably(p, text); }}});
  }
  const fs::path folder =
      fs::temp_directory_path() / ("slipway-checkpoint-" + std::to_string(::getpid()));
};

TEST_F(Checkpoint, TheNewestThatVerifiesIsFound) {
  write(5, "five");
  write(40, "forty");
  EXPECT_EQ(latest_checkpoint(folder, nullptr)->filename(), "checkpoint-40");
  write_file_durably(folder / "checkpoint-40" / "a.txt", "fortY");  // same size, other content
  std::vector<std::string> skipped;
  EXPECT_EQ(latest_checkpoint(folder, &skipped)->filename(), "checkpoint-5");
  EXPECT_THAT(skipped,
              testing::ElementsAre(testing::HasSubstr("differs from what the manifest says")));
}

TEST_F(Checkpoint, AFolderWithoutManifestDoesNotCount) {
  fs::create_directories(folder / "checkpoint-9");
  EXPECT_EQ(latest_checkpoint(folder, nullptr), std::nullopt);
  EXPECT_THROW(verify_checkpoint(folder / "checkpoint-9"), Error);
  fs::create_directories(folder / "checkpoint-final");  // no number
  EXPECT_EQ(latest_checkpoint(folder, nullptr), std::nullopt);
}

TEST_F(Checkpoint, OneOfTheSameStepIsReplaced) {
  write(5, "old");
  const fs::path now = write(5, "new");
  EXPECT_EQ(read_file(now / "a.txt"), "new");
  EXPECT_NO_THROW(verify_checkpoint(now));
}

TEST_F(Checkpoint, AWriterThatFailsLeavesWhatWasThere) {
  write(5, "five");
  EXPECT_THROW(write_checkpoint(folder, 6, {{"a.txt", [](const fs::path&) { fail("disk full"); }}}),
               Error);
  EXPECT_EQ(latest_checkpoint(folder, nullptr)->filename(), "checkpoint-5");
  // a full disk has its room back
  EXPECT_THAT(list_folder(folder), testing::ElementsAre(folder / "checkpoint-5"));
  EXPECT_THAT([&] { write_checkpoint(folder, 6, {{"a.txt", [](const fs::path&) {}}}); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("a.txt: was not written")));
}

TEST_F(Checkpoint, EveryFileIsOnTheDiskBeforeTheName) {
  const RecordedCalls disk(folder);
  write_checkpoint(folder, 5,
                   {{"a.txt", [](const fs::path& p) { write_file_durably(p, "x"); }},
                    {"b.txt", [](const fs::path& p) { write_file_durably(p, "y"); }}});
  const std::vector<std::string> calls = disk.calls();
  const auto at = [&](const std::string& call) {
    return std::ranges::find(calls, call) - calls.begin();
  };
  const auto renamed = at("rename .checkpoint-5.slipway-part -> checkpoint-5");
  ASSERT_LT(renamed, std::ssize(calls));
  for (const char* name : {"/a.txt", "/b.txt", "/manifest.json", ""}) {
    const std::string file = std::string(".checkpoint-5.slipway-part") + name;
    EXPECT_LT(at("fsync " + file), renamed) << file;
    if (*name != 0) {
      EXPECT_LT(at("write " + file), at("fsync " + file)) << file;
    }
  }
  EXPECT_EQ(calls.back(), "fsync .");
  // that the unfinished folder is there, and its name
  EXPECT_EQ(std::ranges::count(calls, "fsync ."), 2);
}

// Kills `body` at each of its calls on the disk, and looks at what is left: the checkpoints that
// are whole.
template <class Prepare, class Body, class Check>
size_t killed_everywhere(const fs::path& folder, Prepare prepare, Body body, Check check) {
  const WithoutWarnings quiet;
  for (size_t n = 0;; ++n) {
    for (const fs::path& path : list_folder(folder)) fs::remove_all(path);
    prepare();
    bool died = false;
    {
      RecordedCalls disk(folder);
      disk.die_after(n);
      try {
        body();
      } catch (const Error&) {
      }
      died = disk.died();
    }
    for (const fs::path& path : list_checkpoints(folder)) {
      EXPECT_NO_THROW(verify_checkpoint(path)) << n;
      EXPECT_FALSE(is_foreign_checkpoint(path)) << n;
    }
    check(n, latest_checkpoint(folder, nullptr));
    recover_run_folder(folder);
    const auto found = latest_checkpoint(folder, nullptr);
    check(n, found);
    for (const fs::path& path : list_folder(folder)) EXPECT_TRUE(step_of(path)) << n << " " << path;
    if (!died) return n;
  }
}

TEST_F(Checkpoint, KilledAtAnyCallOfSavingItLeavesTheOldOneOrTheNewOne) {
  const size_t calls = killed_everywhere(
      folder, [&] { write(5, "five"); }, [&] { write(6, "six"); },
      [&](size_t n, const std::optional<fs::path>& found) {
        ASSERT_TRUE(found) << n;
        EXPECT_EQ(read_file(*found / "a.txt"), step_of(*found) == 6 ? "six" : "five") << n;
      });
  EXPECT_GT(calls, 8u);
  const size_t again = killed_everywhere(
      folder, [&] { write(5, "old"); }, [&] { write(5, "new"); },
      [&](size_t n, const std::optional<fs::path>& found) {
        ASSERT_TRUE(found) << n;
        EXPECT_THAT(read_file(*found / "a.txt"), testing::AnyOf("old", "new")) << n;
      });
  EXPECT_GT(again, 10u);
}

TEST_F(Checkpoint, KilledAtAnyCallOfRotationNothingHalfRemovedPasses) {
  const size_t calls = killed_everywhere(
      folder,
      [&] {
        for (const int step : {1, 2, 3})
          write_checkpoint(
              folder, step,
              {{"model.safetensors", [&](const fs::path& p) { write_file_durably(p, "x"); }},
               {"trainer_state.json", [&](const fs::path& p) { write_file_durably(p, "{}"); }}});
      },
      [&] { rotate_checkpoints(folder, Rotation{1}); },
      [&](size_t n, const std::optional<fs::path>& found) {
        EXPECT_EQ(found, folder / "checkpoint-3") << n;
      });
  EXPECT_GT(calls, 8u);
}

TEST_F(Checkpoint, OneThatSteppedAsideCountsByItsStepAndIsPutBack) {
  write(4, "four");
  write(5, "five");
  write(6, "six");
  for (const char* aside : {".checkpoint-5.slipway-old", ".unfinished-old-5"}) {
    fs::rename(folder / "checkpoint-5", folder / aside);
    EXPECT_EQ(latest_checkpoint(folder, nullptr)->filename(), "checkpoint-6");
    fs::rename(folder / "checkpoint-6", folder / "elsewhere");
    EXPECT_EQ(latest_checkpoint(folder, nullptr)->filename(), aside);
    fs::rename(folder / "elsewhere", folder / "checkpoint-6");
    fs::create_directory(folder / ".unfinished-7");
    recover_run_folder(folder);
    EXPECT_THAT(list_folder(folder),
                testing::ElementsAre(folder / "checkpoint-4", folder / "checkpoint-5",
                                     folder / "checkpoint-6"))
        << aside;
  }
}

TEST_F(Checkpoint, WhatCannotBeReadIsNoReasonToTakeAnother) {
  EXPECT_TRUE(list_checkpoints(folder / "none").empty());
  write_file_durably(folder / "file", "x");
  EXPECT_THAT([&] { latest_checkpoint(folder / "file", nullptr); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("cannot be read: Not a directory")));
  write(5, "five");
  write(6, "six");
  fs::remove(folder / "checkpoint-6" / "manifest.json");
  // opening it fails, and does not say that there is nothing
  fs::create_symlink("manifest.json", folder / "checkpoint-6" / "manifest.json");
  EXPECT_THAT([&] { latest_checkpoint(folder, nullptr); },
              testing::ThrowsMessage<Error>(
                  testing::HasSubstr("manifest.json: Too many levels of symbolic links")));
}

TEST_F(Checkpoint, ARemovalThatFailsDoesNotEndTheTraining) {
  for (const int step : {1, 2, 3}) write(step, "x");
  RecordedCalls disk(folder);
  disk.fail("unlink", EIO);
  EXPECT_NO_THROW(rotate_checkpoints(folder, Rotation{1}));
  EXPECT_NO_THROW(keep_one_checkpoint(folder, folder / "checkpoint-3"));
  EXPECT_THAT(list_checkpoints(folder), testing::ElementsAre(folder / "checkpoint-3"));
  EXPECT_THAT([&] { rotate_checkpoints(folder / "checkpoint-3" / "a.txt", Rotation{1}); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("cannot be read")));
}

TEST_F(Checkpoint, WhatIsProtectedIsKnownByItsNameHoweverTheFolderIsWritten) {
  for (const int step : {1, 2, 3}) write(step, "x");
  rotate_checkpoints(folder, {1, {folder / "." / "checkpoint-1", "elsewhere/checkpoint-2"}});
  EXPECT_EQ(list_checkpoints(folder).size(), 3u);
}

TEST_F(Checkpoint, RotationKeepsTheNewestAndTheProtected) {
  for (const int step : {1, 2, 3, 10}) write(step, "x");
  const auto left = [&] {
    std::vector<int> out;
    for (const int step : {1, 2, 3, 10})
      if (fs::exists(folder / fmt::format("checkpoint-{}", step))) out.push_back(step);
    return out;
  };
  rotate_checkpoints(folder, {3, {folder / "checkpoint-1"}});
  EXPECT_EQ(left(), (std::vector<int>{1, 3, 10}));
  rotate_checkpoints(folder, {1, {folder / "checkpoint-1"}});
  EXPECT_EQ(left(), (std::vector<int>{1, 10}));
}

// A checkpoint folder with empty files of these names.
fs::path with_files(const fs::path& folder, const std::vector<std::string>& names) {
  for (const std::string& name : names) write_file_durably(folder / name, "");
  return folder;
}

std::string refusal(const fs::path& checkpoint) {
  try {
    require_resumable(checkpoint);
  } catch (const Error& e) {
    return e.what();
  }
  return "taken";
}

TEST_F(Checkpoint, ThePeersAreKnownByTheirFiles) {
  const fs::path theirs =
      with_files(folder / "checkpoint-8",
                 {"trainer_state.json", "model.safetensors", "optimizer.pt", "scheduler.pt"});
  EXPECT_TRUE(is_foreign_checkpoint(theirs));
  EXPECT_NO_THROW(verify_checkpoint(theirs));
  EXPECT_EQ(refusal(theirs), "taken");
  EXPECT_EQ(latest_checkpoint(folder, nullptr), theirs);
  EXPECT_TRUE(is_foreign_checkpoint(
      with_files(folder / "sharded", {"trainer_state.json", "model.safetensors.index.json"})));
  EXPECT_FALSE(is_foreign_checkpoint(with_files(folder / "model", {"model.safetensors"})));
  EXPECT_FALSE(is_foreign_checkpoint(with_files(
      folder / "ours-cut-short", {"trainer_state.json", "model.safetensors", "run_state.json"})));
  EXPECT_THROW(verify_checkpoint(folder / "ours-cut-short"), Error);
  // Whatever was removed of one of ours first, the rest is not the Trainer's.
  for (const char* left : {"manifest.json", "run_state.json", "training_args.json",
                           "sft_state.json", "raft_state.json"})
    EXPECT_FALSE(is_foreign_checkpoint(with_files(
        folder / (std::string("left-") + left),
        {"trainer_state.json", "model.safetensors", "optimizer.pt", "scheduler.pt", left})))
        << left;
}

TEST_F(Checkpoint, TheModelAloneIsNoPlaceToGoOnFrom) {
  const fs::path theirs =
      with_files(folder / "checkpoint-8", {"trainer_state.json", "model.safetensors"});
  EXPECT_THAT(refusal(theirs),
              testing::AllOf(testing::HasSubstr("checkpoint-8/optimizer.pt: is missing"),
                             testing::HasSubstr("model.weights = \"" + theirs.string() + "\"")));
  const fs::path ours = with_files(folder / "checkpoint-9",
                                   {"trainer_state.json", "model.safetensors", "manifest.json"});
  EXPECT_THAT(refusal(ours),
              testing::AllOf(
                  testing::HasSubstr("checkpoint-9: was saved with train.save_only_model = true"),
                  testing::HasSubstr("model.weights = \"" + ours.string() + "\"")));
}

}  // namespace
}  // namespace slipway
