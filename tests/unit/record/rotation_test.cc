// What stays of a run folder's checkpoints: those of save_strategy, and iterations' starts.
#include "record/rotation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/unit/scratch.h"

namespace slipway {
namespace {

using testing::ElementsAre;

class CheckpointRotation : public testing::Test {
 protected:
  // One that save_strategy asked for, in the middle of the iteration that began with `start`.
  void asked(int64_t step, const std::string& start = "") const {
    std::vector<CheckpointFile> files = {text("model", "x")};
    if (!start.empty())
      files.push_back(text("raft_state.json", Json{{"start_checkpoint", start}}.dump()));
    write_checkpoint(folder, step, files);
  }
  void start(int64_t step, bool also_asked = false) const {
    const Json state = {{"start_checkpoint", "checkpoint-" + std::to_string(step)}};
    write_checkpoint(folder, step, {text("raft_state.json", state.dump()), start_mark(also_asked)});
  }
  std::vector<int64_t> left() const {
    std::vector<int64_t> out;
    for (const fs::path& each : list_checkpoints(folder)) out.push_back(*step_of(each));
    return out;
  }
  static CheckpointFile text(const char* name, const std::string& content) {
    return {name, [content](const fs::path& path) { write_file_durably(path, content); }};
  }
  const fs::path folder = scratch();
};

TEST_F(CheckpointRotation, OfIterationsStartsTheNewestStays) {
  start(0);
  rotate_checkpoints(folder, Rotation{});
  EXPECT_THAT(left(), ElementsAre(0));
  start(6);
  EXPECT_THAT(left(), ElementsAre(6, 0));  // the new one is whole before the other goes
  rotate_checkpoints(folder, Rotation{});
  EXPECT_THAT(left(), ElementsAre(6));
  start(12);
  start(18);  // a process was killed before it made room
  rotate_checkpoints(folder, Rotation{});
  EXPECT_THAT(left(), ElementsAre(18));
}

TEST_F(CheckpointRotation, StartsDoNotCountAgainstTheLimit) {
  for (const int64_t step : {2, 4, 8}) asked(step);
  start(6);
  start(9);
  rotate_checkpoints(folder, Rotation{2});
  EXPECT_THAT(left(), ElementsAre(9, 8, 4));
  rotate_checkpoints(folder, Rotation{});
  EXPECT_THAT(left(), ElementsAre(9, 8, 4));
}

TEST_F(CheckpointRotation, AStartThatWasAskedForStaysAsThose) {
  start(0);
  asked(3);
  start(6, true);
  rotate_checkpoints(folder, Rotation{});
  EXPECT_THAT(left(), ElementsAre(6, 3));
  start(12);
  rotate_checkpoints(folder, Rotation{});
  EXPECT_THAT(left(), ElementsAre(12, 6, 3));
  rotate_checkpoints(folder, Rotation{1});
  EXPECT_THAT(left(), ElementsAre(12, 6));
}

TEST_F(CheckpointRotation, WhatIsProtectedStaysOfEitherKind) {
  start(0);
  asked(3);
  start(6);
  asked(8);
  start(12);
  rotate_checkpoints(folder, Rotation{1, {"elsewhere/checkpoint-0", folder / "checkpoint-3"}});
  EXPECT_THAT(left(), ElementsAre(12, 8, 3, 0));
}

TEST_F(CheckpointRotation, WhereARunMayGoBackTheStartsOfKeptIterationsStay) {
  start(0);
  start(6);
  asked(8, "checkpoint-6");
  start(12);
  asked(14, "checkpoint-12");
  start(18);
  rotate_checkpoints(folder, Rotation{0, {}, true});
  EXPECT_THAT(left(), ElementsAre(18, 14, 12, 8, 6));
  rotate_checkpoints(folder, Rotation{1, {}, true});
  EXPECT_THAT(left(), ElementsAre(18, 14, 12));
  rotate_checkpoints(folder, Rotation{1});
  EXPECT_THAT(left(), ElementsAre(18, 14));
}

TEST_F(CheckpointRotation, AMarkThatSaysNothingMakesNobodyLoseACheckpoint) {
  for (const char* mark : {"", "[]", "{}", "{\"asked\": 1}"}) {
    write_checkpoint(folder, 1, {text("iteration_start.json", mark)});
    start(2);
    rotate_checkpoints(folder, Rotation{});
    EXPECT_THAT(left(), ElementsAre(2, 1)) << mark;
  }
  EXPECT_NO_THROW(verify_checkpoint(folder / "checkpoint-2"));
}

}  // namespace
}  // namespace slipway
