// What a checkpoint keeps of RAFT.
#include "raft/raft_state.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

RaftState written_and_read(const RaftState& state) {
  const fs::path folder = fs::path(SLIPWAY_SCRATCH) / "state";
  fs::create_directories(folder);
  const CheckpointFile file = state.file();
  EXPECT_EQ(file.name, "raft_state.json");
  file.write(folder / file.name);
  return RaftState::read(folder);
}

TEST(RaftState, EveryFieldComesBack) {
  RaftState state;
  state.iteration = 3;
  state.training = true;
  state.stage_step = 5;
  state.selected = {{{4, 5, 6}, 2}, {{7}, 0}};
  state.iteration_row = {{"event", "iteration"}, {"reward_mean", 0.1}, {"selected", 2}};
  state.base_distinct_2 = 0.7;
  state.last_eval_reward = -1.0 / 3;
  state.evaluated_start = true;
  state.opinions = {3, 0};
  state.start_checkpoint = "checkpoint-12";
  const RaftState back = written_and_read(state);
  EXPECT_EQ(back.iteration, 3);
  EXPECT_EQ(back.opinions, state.opinions);
  EXPECT_TRUE(back.training);
  EXPECT_EQ(back.stage_step, 5);
  ASSERT_EQ(back.selected.size(), 2u);
  EXPECT_EQ(back.selected[0].ids, (std::vector<int32_t>{4, 5, 6}));
  EXPECT_EQ(back.selected[0].loss_begin, 2);
  EXPECT_EQ(back.selected[1].ids, std::vector<int32_t>{7});
  EXPECT_EQ(back.selected[1].loss_begin, 0);
  EXPECT_EQ(back.iteration_row, state.iteration_row);
  EXPECT_EQ(back.base_distinct_2, 0.7);
  EXPECT_EQ(back.last_eval_reward, -1.0 / 3);
  EXPECT_TRUE(back.evaluated_start);
  EXPECT_EQ(back.start_checkpoint, "checkpoint-12");
}

TEST(RaftState, WhatWasNotYetDoneComesBackAsThat) {
  const RaftState back = written_and_read({});
  EXPECT_EQ(back.iteration, 0);
  EXPECT_FALSE(back.training);
  EXPECT_TRUE(back.selected.empty());
  EXPECT_FALSE(back.evaluated_start);
  EXPECT_EQ(back.start_checkpoint, "");
}

TEST(RaftState, AFieldThatIsMissingIsNamed) {
  const fs::path folder = fs::path(SLIPWAY_SCRATCH) / "short";
  fs::create_directories(folder);
  write_file_durably(folder / "raft_state.json", "{\"iteration\": 1}\n");
  try {
    (void)RaftState::read(folder);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("raft_state.json: not a usable RAFT state"),
              std::string::npos)
        << e.what();
  }
}

}  // namespace
}  // namespace slipway
