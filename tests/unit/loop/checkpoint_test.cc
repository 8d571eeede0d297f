// Checkpoints: whole or absent.
#include "loop/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace slipway {
namespace {

class Checkpoint : public testing::Test {
 protected:
  Checkpoint() { fs::create_directories(folder); }
  ~Checkpoint() override { fs::remove_all(folder); }
  fs::path write(int64_t step, const std::string& text) {
    return write_checkpoint(folder, step, {{"a.txt", [&](const fs::path& p) { write_file_durably(p, text); }}});
  }
  const fs::path folder = fs::temp_directory_path() / ("slipway-checkpoint-" + std::to_string(::getpid()));
};

TEST_F(Checkpoint, TheNewestThatVerifiesIsFound) {
  write(5, "five");
  write(40, "forty");
  EXPECT_EQ(latest_checkpoint(folder, nullptr)->filename(), "checkpoint-40");
  write_file_durably(folder / "checkpoint-40" / "a.txt", "fortY");  // same size, other content
  std::vector<std::string> skipped;
  EXPECT_EQ(latest_checkpoint(folder, &skipped)->filename(), "checkpoint-5");
  EXPECT_THAT(skipped, testing::ElementsAre(testing::HasSubstr("differs from what the manifest says")));
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
  EXPECT_THROW(write_checkpoint(folder, 6, {{"a.txt", [](const fs::path&) { fail("disk full"); }}}), Error);
  EXPECT_EQ(latest_checkpoint(folder, nullptr)->filename(), "checkpoint-5");
  rotate_checkpoints(folder, 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);  // the unfinished one is gone
}

TEST_F(Checkpoint, RotationKeepsTheNewestAndTheProtected) {
  for (const int step : {1, 2, 3, 10}) write(step, "x");
  const auto left = [&] {
    std::vector<int> out;
    for (const int step : {1, 2, 3, 10})
      if (fs::exists(folder / fmt::format("checkpoint-{}", step))) out.push_back(step);
    return out;
  };
  rotate_checkpoints(folder, 3, {folder / "checkpoint-1"});
  EXPECT_EQ(left(), (std::vector<int>{1, 3, 10}));
  rotate_checkpoints(folder, 1, {folder / "checkpoint-1"});
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
  const fs::path theirs = with_files(folder / "checkpoint-8", {"trainer_state.json", "model.safetensors", "optimizer.pt", "scheduler.pt"});
  EXPECT_TRUE(is_foreign_checkpoint(theirs));
  EXPECT_NO_THROW(verify_checkpoint(theirs));
  EXPECT_EQ(refusal(theirs), "taken");
  EXPECT_EQ(latest_checkpoint(folder, nullptr), theirs);
  EXPECT_TRUE(is_foreign_checkpoint(with_files(folder / "sharded", {"trainer_state.json", "model.safetensors.index.json"})));
  EXPECT_FALSE(is_foreign_checkpoint(with_files(folder / "model", {"model.safetensors"})));
  EXPECT_FALSE(is_foreign_checkpoint(with_files(folder / "ours-cut-short", {"trainer_state.json", "model.safetensors", "run_state.json"})));
  EXPECT_THROW(verify_checkpoint(folder / "ours-cut-short"), Error);
}

TEST_F(Checkpoint, TheModelAloneIsNoPlaceToGoOnFrom) {
  const fs::path theirs = with_files(folder / "checkpoint-8", {"trainer_state.json", "model.safetensors"});
  EXPECT_THAT(refusal(theirs), testing::AllOf(testing::HasSubstr("checkpoint-8/optimizer.pt: is missing"), testing::HasSubstr("model.weights = \"" + theirs.string() + "\"")));
  const fs::path ours = with_files(folder / "checkpoint-9", {"trainer_state.json", "model.safetensors", "manifest.json"});
  EXPECT_THAT(refusal(ours), testing::AllOf(testing::HasSubstr("checkpoint-9: was saved with train.save_only_model = true"), testing::HasSubstr("model.weights = \"" + ours.string() + "\"")));
}

}  // namespace
}  // namespace slipway
