// [train] as settings.
#include "loop/run_settings.h"

#include "device/bf16_scope.h"
#include "plugin/options.h"

namespace slipway {

StageSettings stage_settings(const RunConfig& c) {
  StageSettings s;
  s.num_train_epochs = c.number("train", "num_train_epochs");
  s.max_steps = c.integer("train", "max_steps");
  s.batch_size = c.integer("train", "per_device_train_batch_size");
  s.bf16 = c.flag("train", "bf16") && why_bf16_is_slow().empty();
  s.max_tokens_per_batch = c.integer("train", "max_tokens_per_batch");
  s.gradient_accumulation_steps = c.integer("train", "gradient_accumulation_steps");
  s.learning_rate = c.number("train", "learning_rate");
  s.max_grad_norm = c.number("train", "max_grad_norm");
  s.warmup_steps = c.number("train", "warmup_steps");
  s.schedule = c.text("train", "lr_scheduler_type");
  s.schedule_options = json_of(c.get("train", "lr_scheduler_kwargs"));
  // What an evaluation of raft tells is a reward.
  if (c.raft && goes_by_evaluations(s.schedule) && !s.schedule_options.contains("mode")) s.schedule_options["mode"] = "max";
  s.seed = static_cast<uint64_t>(c.integer("train", "seed"));
  return s;
}

OptimizerSettings optimizer_settings(const RunConfig& c) {
  return {c.text("train", "optim"), c.text("train", "optim_args"), c.number("train", "adam_beta1"), c.number("train", "adam_beta2"),
          c.number("train", "adam_epsilon"), c.number("train", "weight_decay")};
}

}  // namespace slipway
