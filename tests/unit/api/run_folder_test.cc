// Run folders: nothing of an earlier run is lost, and which checkpoint a run goes on from.
#include "api/run_folder.h"

#include "loop/checkpoint.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class RunFolder : public testing::Test {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path().filename().string());
    return out;
  }
  // What was said meanwhile.
  static std::string said(const std::function<void()>& body) {
    testing::internal::CaptureStderr();
    body();
    return testing::internal::GetCapturedStderr();
  }
  fs::path checkpoint(int64_t step) const {
    return write_checkpoint(folder / "run", step, {{"a.txt", [&](const fs::path& path) { write_file_durably(path, "x"); }}});
  }
  const fs::path folder = scratch();
};

TEST_F(RunFolder, AFreshOneIsMadeWithItsParents) {
  EXPECT_EQ(said([&] { prepare_run_folder(folder / "a" / "b"); }), "");
  EXPECT_TRUE(fs::is_directory(folder / "a" / "b"));
  EXPECT_EQ(said([&] { prepare_run_folder(folder / "a" / "b"); }), "");  // there and empty
  EXPECT_THAT(names(), UnorderedElementsAre("a"));
}

TEST_F(RunFolder, EarlierRunsAreMovedAsideInTurn) {
  for (const char* content : {"first", "second", "third"}) {
    prepare_run_folder(folder / "run");
    write_file_durably(folder / "run" / "metrics.jsonl", content);
  }
  const std::string notice = said([&] { prepare_run_folder(folder / "run"); });
  EXPECT_THAT(notice, AllOf(HasSubstr("moved to " + (folder / "run.3").string()), HasSubstr("--resume")));
  EXPECT_THAT(names(), UnorderedElementsAre("run", "run.1", "run.2", "run.3"));
  EXPECT_EQ(read_file(folder / "run.1" / "metrics.jsonl"), "first");
  EXPECT_EQ(read_file(folder / "run.2" / "metrics.jsonl"), "second");
  EXPECT_EQ(read_file(folder / "run.3" / "metrics.jsonl"), "third");
  EXPECT_TRUE(fs::is_empty(folder / "run"));
}

TEST_F(RunFolder, ASlashAtTheEndNamesTheSameFolder) {
  write_file_durably(folder / "run" / "a", "x");
  said([&] { prepare_run_folder(folder / "run" / ""); });
  EXPECT_THAT(names(), UnorderedElementsAre("run", "run.1"));
  EXPECT_EQ(read_file(folder / "run.1" / "a"), "x");
}

TEST_F(RunFolder, TakenNumbersArePassedOver) {
  write_file_durably(folder / "run" / "a", "x");
  write_file_durably(folder / "run.1", "a file of somebody's");
  said([&] { prepare_run_folder(folder / "run"); });
  EXPECT_EQ(read_file(folder / "run.1"), "a file of somebody's");
  EXPECT_EQ(read_file(folder / "run.2" / "a"), "x");
}

TEST_F(RunFolder, WhatCannotBeAFolderIsRefused) {
  write_file_durably(folder / "file", "x");
  EXPECT_EQ(error_of([&] { prepare_run_folder(folder / "file"); }), "run.output_dir = \"" + (folder / "file").string() + "\" is a file");
  EXPECT_THAT(error_of([&] { prepare_run_folder(folder / "file" / "run"); }), AllOf(HasSubstr("cannot be made"), HasSubstr("Not a directory")));
  EXPECT_EQ(read_file(folder / "file"), "x");
}

TEST_F(RunFolder, WithoutResumeThereIsNoCheckpoint) {
  checkpoint(5);
  EXPECT_EQ(checkpoint_to_resume("", folder / "run"), std::nullopt);
}

TEST_F(RunFolder, ResumeTakesTheNewestUsable) {
  checkpoint(5);
  const fs::path newest = checkpoint(10);
  EXPECT_EQ(checkpoint_to_resume("true", folder / "run"), newest);
  write_file_durably(newest / "a.txt", "y");
  std::optional<fs::path> found;
  const std::string warning = said([&] { found = checkpoint_to_resume("true", folder / "run"); });
  EXPECT_EQ(found, folder / "run" / "checkpoint-5");
  EXPECT_THAT(warning, AllOf(HasSubstr("passed over a checkpoint"), HasSubstr("checkpoint-10")));
}

TEST_F(RunFolder, ResumeNeverBeginsAnewOverDamagedCheckpoints) {
  write_file_durably(checkpoint(5) / "a.txt", "y");
  std::string refusal;
  EXPECT_THAT(said([&] { refusal = error_of([&] { checkpoint_to_resume("true", folder / "run"); }); }), HasSubstr("passed over a checkpoint"));
  EXPECT_THAT(refusal, HasSubstr("every checkpoint is damaged"));
}

TEST_F(RunFolder, ResumeCleansUpAfterKilledProcesses) {
  const fs::path good = checkpoint(5);
  write_file_durably(folder / "run" / ".checkpoint-6.slipway-part" / "a.txt", "half");
  fs::rename(folder / "run" / ".checkpoint-6.slipway-part" / "a.txt", folder / "run" / ".report.html.slipway-part");
  EXPECT_EQ(checkpoint_to_resume("true", folder / "run"), good);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "run"), fs::directory_iterator()), 1);
}

TEST_F(RunFolder, AFolderThatCannotBeReadIsNoFreshStart) {
  write_file_durably(folder / "run", "in the way of the listing");
  EXPECT_THAT(error_of([&] { checkpoint_to_resume("true", folder / "run"); }), HasSubstr("/run: cannot be read: Not a directory"));
}

TEST_F(RunFolder, ResumeOfNothingIsAFreshStart) {
  std::optional<fs::path> found = folder;
  EXPECT_THAT(said([&] { found = checkpoint_to_resume("true", folder / "run"); }), AllOf(HasSubstr("warning"), HasSubstr("starting from the beginning")));
  EXPECT_EQ(found, std::nullopt);
}

TEST_F(RunFolder, ACheckpointThatIsNamedMustBeWhole) {
  const fs::path good = checkpoint(5);
  EXPECT_EQ(checkpoint_to_resume(good.string(), folder / "elsewhere"), good);
  fs::remove(good / "a.txt");
  EXPECT_THAT(error_of([&] { checkpoint_to_resume(good.string(), folder / "run"); }), HasSubstr("a.txt"));
  EXPECT_EQ(error_of([&] { checkpoint_to_resume("nowhere", folder / "run"); }), "--resume=nowhere: no such folder");
}

}  // namespace
}  // namespace slipway
