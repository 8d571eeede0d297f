// Which checkpoint a run goes on from, and what becomes of what it gives up.
#include "record/resume.h"

#include "record/checkpoint.h"
#include "record/rotation.h"
#include "record/state.h"
#include "tests/unit/plugin/fixture_files.h"
#include "tests/unit/record/folder_words.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class Resume : public testing::Test {
 protected:
  static CheckpointFile file(const std::string& name, const std::string& text) {
    return {name, [text](const fs::path& path) { write_file_durably(path, text); }};
  }
  // A checkpoint with the rows of metrics.jsonl as they are; with `raft`, the text of
  // raft_state.json.
  fs::path checkpoint(int64_t step, const std::string& raft = "") const {
    TrainerState state;
    state.global_step = step;
    std::error_code ec;
    const auto bytes = fs::file_size(out / "metrics.jsonl", ec);
    std::vector<CheckpointFile> files = {
        file("trainer_state.json", state.to_json().dump()),
        file("run_state.json", Json{{"metrics_bytes", ec ? 0 : bytes}}.dump()),
        file("a.txt", std::to_string(step))};
    if (!raft.empty()) files.push_back(file("raft_state.json", raft));
    return write_checkpoint(out, step, files);
  }
  void write(const std::string& name, const std::string& text) const {
    write_file_durably(out / name, text);
  }

  const fs::path folder = scratch(), out = folder / "run";
};

TEST_F(Resume, WithoutResumeThereIsNoCheckpoint) {
  checkpoint(5);
  EXPECT_EQ(checkpoint_to_resume("", out), std::nullopt);
}

TEST_F(Resume, TakesTheNewestUsable) {
  checkpoint(5);
  const fs::path newest = checkpoint(10);
  EXPECT_EQ(checkpoint_to_resume("true", out), newest);
  write_file_durably(newest / "a.txt", "y");
  std::optional<fs::path> found;
  const std::string warning = said([&] { found = checkpoint_to_resume("true", out); });
  EXPECT_EQ(found, out / "checkpoint-5");
  EXPECT_THAT(warning, AllOf(HasSubstr("passed over a checkpoint"), HasSubstr("checkpoint-10")));
}

TEST_F(Resume, OfNothingIsAFreshStartAndOfNothingUsableIsRefused) {
  std::optional<fs::path> found = folder;
  EXPECT_THAT(said([&] { found = checkpoint_to_resume("true", out); }),
              AllOf(HasSubstr("warning"), HasSubstr("starting from the beginning")));
  EXPECT_EQ(found, std::nullopt);
  write_file_durably(checkpoint(5) / "a.txt", "y");
  said([&] {
    EXPECT_THAT(
        error_of([&] { checkpoint_to_resume("true", out); }),
        AllOf(HasSubstr("has no checkpoint that can be resumed from"), HasSubstr("moved aside")));
  });
}

TEST_F(Resume, CleansUpAfterKilledProcesses) {
  const fs::path good = checkpoint(5);
  write_file_durably(out / ".checkpoint-6.slipway-part" / "a.txt", "half");
  fs::rename(out / ".checkpoint-6.slipway-part" / "a.txt", out / ".report.html.slipway-part");
  EXPECT_EQ(checkpoint_to_resume("true", out), good);
  EXPECT_THAT(names(out), UnorderedElementsAre("checkpoint-5"));
}

TEST_F(Resume, AFolderThatCannotBeReadIsNoFreshStart) {
  write_file_durably(out, "in the way of the listing");
  EXPECT_THAT(error_of([&] { checkpoint_to_resume("true", out); }),
              HasSubstr("/run: cannot be read: Not a directory"));
}

TEST_F(Resume, ACheckpointThatIsNamedMustBeWhole) {
  const fs::path good = checkpoint(5);
  EXPECT_EQ(checkpoint_to_resume(good.string() + "/", folder / "elsewhere"), good);
  fs::remove(good / "a.txt");
  EXPECT_THAT(error_of([&] { checkpoint_to_resume(good.string(), out); }), HasSubstr("a.txt"));
  EXPECT_EQ(error_of([&] { checkpoint_to_resume("nowhere", out); }),
            "--resume=nowhere: no such folder");
}

TEST_F(Resume, TellsOwnCheckpointsFromOthers) {
  const fs::path own = checkpoint(5);
  EXPECT_TRUE(is_of_run(own, out));
  fs::create_directory_symlink(out, folder / "link");
  EXPECT_TRUE(is_of_run(own, folder / "link"));
  EXPECT_TRUE(is_of_run(folder / "link" / "checkpoint-5", out / ""));
  EXPECT_FALSE(is_of_run(own, folder / "other"));
  EXPECT_FALSE(is_of_run(own, folder / "run" / "nested"));
  EXPECT_THAT(error_of([&] { is_of_run(out / "abandoned-1" / "checkpoint-9", out); }),
              HasSubstr("not a checkpoint of the run there"));
}

TEST_F(Resume, FromTheNewestNothingIsMoved) {
  write("samples/iteration-0001.jsonl", "1");
  write("samples/eval-0001.jsonl", "1");
  write("trainer_state.json", "the end");
  const fs::path newest = checkpoint(10, R"({"iteration": 0, "phase": "generate"})");
  const auto before = names(out);
  EXPECT_EQ(said([&] { go_back_to(newest, out); }), "");
  EXPECT_THAT(names(out), testing::UnorderedElementsAreArray(before));
}

TEST_F(Resume, GoingBackMovesWhatCameAfterAside) {
  write("metrics.jsonl", "row\n");
  for (const char* name : {"iteration-0001", "iteration-0002", "iteration-0003", "eval-0000",
                           "eval-0001", "eval-0002"})
    write(fmt::format("samples/{}.jsonl", name), name);
  const fs::path back = checkpoint(20, R"({"iteration": 1, "phase": "train"})");
  write("metrics.jsonl", "row\nlater\n");
  checkpoint(10);
  checkpoint(30);
  checkpoint(40);
  for (const char* name : {"model.safetensors", "trainer_state.json", "train_results.json",
                           "report.html", "config.resolved.toml", "README.md"})
    write(name, name);
  EXPECT_THAT(said([&] { go_back_to(back, out); }),
              AllOf(HasSubstr("back to"), HasSubstr("abandoned-1")));
  EXPECT_THAT(names(out),
              UnorderedElementsAre("checkpoint-10", "checkpoint-20", "samples", "metrics.jsonl",
                                   "config.resolved.toml", "README.md", "abandoned-1"));
  EXPECT_THAT(names(out / "samples"),
              UnorderedElementsAre("iteration-0001.jsonl", "iteration-0002.jsonl",
                                   "eval-0000.jsonl", "eval-0001.jsonl"));
  const fs::path aside = out / "abandoned-1";
  EXPECT_THAT(names(aside),
              UnorderedElementsAre("checkpoint-30", "checkpoint-40", "samples", "metrics.jsonl",
                                   "model.safetensors", "trainer_state.json", "train_results.json",
                                   "report.html"));
  EXPECT_THAT(names(aside / "samples"),
              UnorderedElementsAre("iteration-0003.jsonl", "eval-0002.jsonl"));
  EXPECT_EQ(read_file(aside / "metrics.jsonl"), "row\nlater\n");
  EXPECT_EQ(read_file(aside / "checkpoint-40" / "a.txt"), "40");
  EXPECT_EQ(checkpoint_to_resume("true", out), back);
  checkpoint(30);
  said([&] { go_back_to(back, out); });
  EXPECT_TRUE(fs::exists(out / "abandoned-2" / "checkpoint-30"));
}

TEST_F(Resume, KilledWhileGoingBackTheNextPlainResumeFinishesIt) {
  const fs::path back = checkpoint(20);
  for (const int64_t step : {30, 40, 50}) checkpoint(step);
  // As it is after the first of the moves.
  write(".slipway-going-back", R"({"checkpoint": "checkpoint-20", "to": "abandoned-1"})");
  fs::create_directories(out / "abandoned-1");
  fs::rename(out / "checkpoint-30", out / "abandoned-1" / "checkpoint-30");
  std::optional<fs::path> found;
  said([&] { found = checkpoint_to_resume("true", out); });
  EXPECT_EQ(found, back);
  EXPECT_THAT(names(out), UnorderedElementsAre("checkpoint-20", "abandoned-1"));
  EXPECT_THAT(names(out / "abandoned-1"),
              UnorderedElementsAre("checkpoint-30", "checkpoint-40", "checkpoint-50"));
}

TEST_F(Resume, AnotherRunsCheckpointIsCopiedWithItsHistory) {
  write("metrics.jsonl", "one\ntwo\n");
  write("samples/iteration-0001.jsonl", "1");
  const fs::path start = checkpoint(20, R"({"iteration": 1, "phase": "generate"})");
  const fs::path theirs =
      checkpoint(30, R"({"iteration": 1, "phase": "train", "start_checkpoint": "checkpoint-20"})");
  write("samples/iteration-0002.jsonl", "2");
  write("samples/iteration-0003.jsonl", "3");
  write("metrics.jsonl", "one\ntwo\nthree\n");
  const fs::path other = folder / "other";
  fs::create_directories(other);
  EXPECT_EQ(take_over(theirs, other), other / "checkpoint-30");
  EXPECT_THAT(names(other),
              UnorderedElementsAre("checkpoint-20", "checkpoint-30", "metrics.jsonl", "samples"));
  EXPECT_EQ(read_file(other / "metrics.jsonl"), "one\ntwo\n");
  EXPECT_THAT(names(other / "samples"),
              UnorderedElementsAre("iteration-0001.jsonl", "iteration-0002.jsonl"));
  verify_checkpoint(other / "checkpoint-30");
  // Deleting one leaves the other.
  rotate_checkpoints(other, Rotation{1});
  fs::remove_all(other);
  verify_checkpoint(start);
  verify_checkpoint(theirs);
  EXPECT_EQ(read_file(out / "metrics.jsonl"), "one\ntwo\nthree\n");
}

}  // namespace
}  // namespace slipway
