// A run's bookkeeping, without the training.
#include "loop/run.h"

#include "tests/unit/loop/tiny_run.h"

namespace slipway {
namespace {

class Bookkeeping : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(folder); }
  const fs::path folder = memory_folder("run");
};

TEST_F(Bookkeeping, AnEvaluationReachesAScheduleThatGoesByIt) {
  write_tiny_run(folder, "abc\nbcd\ncde\n", "eval_rows = 1\n", R"(
learning_rate = 0.5
lr_scheduler_type = "reduce_lr_on_plateau"
lr_scheduler_kwargs = { factor = 0.1, patience = 0 }
eval_strategy = "epoch"
)");
  TinyRun tiny(folder, {});
  tiny.run.begin_flow(10, 1);
  tiny.run.begin_schedule(tiny.run.stage, 10);
  EXPECT_DOUBLE_EQ(tiny.run.schedule->at(0), 0.5);
  tiny.run.judge_evaluation({{"eval_loss", 1.0}});
  EXPECT_DOUBLE_EQ(tiny.run.schedule->at(1), 0.5);
  tiny.run.judge_evaluation({{"eval_loss", 2.0}});
  EXPECT_DOUBLE_EQ(tiny.run.schedule->at(2), 0.05);
  tiny.run.begin_schedule(tiny.run.stage, 10);  // as raft's next iteration does
  EXPECT_DOUBLE_EQ(tiny.run.schedule->at(0), 0.05);
}

TEST_F(Bookkeeping, ARowIsTheMeanOfTheStepsSinceTheLastOne) {
  write_tiny_run(folder, "abc\nbcd\n", "", "logging_steps = 3\n");
  TinyRun tiny(folder, {});
  tiny.run.begin_flow(7, 1);
  for (int64_t step = 1; step <= 7; ++step) {
    const auto loss = static_cast<double>(step);
    (void)tiny.run.after_step({step, 7, loss, 10 * loss, 0.1 * loss, loss / 7, 4});
  }
  (void)tiny.run.log_pending();
  std::vector<double> losses, norms;
  for (const Json& row : tiny.run.state.log_history) {
    losses.push_back(row.at("loss").get<double>());
    norms.push_back(row.at("grad_norm").get<double>());
  }
  EXPECT_EQ(losses, (std::vector<double>{2, 5, 7}));
  EXPECT_EQ(norms, (std::vector<double>{30, 60, 70}));  // of the last step
}

}  // namespace
}  // namespace slipway
