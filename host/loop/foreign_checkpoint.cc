// Going on from a checkpoint of the Hugging Face Trainer.
#include <utility>

#include "base/log.h"
#include "loop/run.h"
#include "optim/optimizer_file.h"
#include "optim/scheduler_file.h"

namespace slipway {
namespace {

void warn(const std::vector<std::string>& differences) {
  for (const std::string& each : differences) log_warn("{}", each);
}

}  // namespace

void Run::restore_foreign(const fs::path& checkpoint) {
  const ReadOptimizer read =
      read_optimizer(checkpoint / "optimizer.pt", *optimizer, model.parameters());
  warn(read.differences);
  optimizer->restore_step_count(read.steps.value_or(state.global_step));
  foreign_schedule_ = checkpoint / "scheduler.pt";
  const fs::path state_file = checkpoint / "trainer_state.json";
  const Json stored = parse_json(read_file(state_file), state_file.string());
  if (const Json batch = stored.value("train_batch_size", Json());
      batch.is_number_integer() && batch.get<int64_t>() != stage.batch_size)
    log_warn(
        "{}: train_batch_size is {}, train.per_device_train_batch_size {}: the batches to come are "
        "not those that the run would have met",
        state_file.string(), batch.get<int64_t>(), stage.batch_size);
  // The mean loss of the run is over the losses that are known: a logged one is the mean since the
  // row before.
  int64_t logged = 0;
  for (const Json& row : state.log_history) {
    if (!row.is_object() || !row.contains("loss") || !row["loss"].is_number() ||
        !row.contains("step") || !row["step"].is_number_integer())
      continue;
    whole_loss_sum_ +=
        row["loss"].get<double>() * static_cast<double>(row["step"].get<int64_t>() - logged);
    logged = row["step"].get<int64_t>();
  }
  unknown_losses_ = state.global_step - logged;
  log_info(
      "{} is a checkpoint of the Hugging Face Trainer. Its training_args.bin, a pickle of Python "
      "objects, is not read: the run file says how to train",
      checkpoint.string());
  restore_scaler(checkpoint, Json::object());
}

void Run::take_over_schedule(const std::string& name) {
  const ReadScheduler read =
      read_scheduler(std::exchange(foreign_schedule_, {}), *schedule, name, state.global_step);
  warn(read.differences);
  stage.schedule_offset = read.offset;
  last_.updates = state.global_step + read.offset;
  if (schedule->adaptive()) schedule_state_ = schedule->state();
}

}  // namespace slipway
