// [train] as settings.
#include "loop/run_settings.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/nearest.h"
#include "operators/rounding_scope.h"
#include "plugin/options.h"

namespace slipway {

StageSettings stage_settings(const RunConfig& c) {
  StageSettings s;
  s.num_train_epochs = c.number("train", "num_train_epochs");
  s.max_steps = c.integer("train", "max_steps");
  s.batch_size = c.integer("train", "per_device_train_batch_size");
  if (c.flag("train", "bf16") && why_no_bf16().empty()) s.rounding = Rounding::kBfloat16;
  if (c.flag("train", "fp16")) s.rounding = Rounding::kFloat16;
  s.max_tokens_per_batch = c.integer("train", "max_tokens_per_batch");
  s.gradient_accumulation_steps = c.integer("train", "gradient_accumulation_steps");
  s.learning_rate = c.number("train", "learning_rate");
  s.max_grad_norm = c.number("train", "max_grad_norm");
  s.warmup_steps = c.number("train", "warmup_steps");
  s.schedule = c.text("train", "lr_scheduler_type");
  s.schedule_options = json_of(c.get("train", "lr_scheduler_kwargs"));
  // What an evaluation of raft tells is a reward.
  if (c.raft && goes_by_evaluations(s.schedule) && !s.schedule_options.contains("mode"))
    s.schedule_options["mode"] = "max";
  s.sampling_strategy = c.text("train", "train_sampling_strategy");
  s.seed = static_cast<uint64_t>(c.integer("train", "seed"));
  if (const int64_t data_seed = c.integer("train", "data_seed"); data_seed >= 0)
    s.data_seed = static_cast<uint64_t>(data_seed);
  s.drop_last = c.flag("train", "dataloader_drop_last");
  s.objective.label_smoothing = c.number("train", "label_smoothing_factor");
  s.objective.noise.alpha = c.number("train", "neftune_noise_alpha");
  return s;
}

std::vector<std::string> streaming_faults(const RunConfig& c) {
  std::vector<std::string> faults;
  if (!c.flag("data", "streaming")) return faults;
  const auto fault = [&](const char* section, const char* key, const std::string& text) {
    faults.push_back(
        fmt::format("{}: {}.{}: {}", c.get(section, key).where.text(), section, key, text));
  };
  if (c.raft) {
    fault("data", "streaming", "raft draws its prompts from all rows at once; remove it");
    return faults;
  }
  if (c.integer("train", "max_steps") <= 0)
    fault("data", "streaming",
          "needs train.max_steps over 0: how many steps an epoch has is not known before its end");
  if (c.integer("data", "eval_rows") > 0)
    fault("data", "eval_rows",
          "rows cannot be set aside evenly from data.streaming, which does not know how many there "
          "are; name files in data.eval");
  if (const std::string& strategy = c.text("train", "train_sampling_strategy");
      strategy == "group_by_length" || strategy == "batch_rebalance")
    fault("train", "train_sampling_strategy",
          fmt::format("\"{}\" goes by the lengths of all examples, and data.streaming holds none "
                      "of them; use \"sequential\"",
                      strategy));
  if (c.flag("train", "dataloader_drop_last"))
    fault("train", "dataloader_drop_last",
          "data.streaming gives every row, as the Hugging Face Trainer does with data of unknown "
          "length; remove it");
  return faults;
}

OptimizerSettings optimizer_settings(const RunConfig& c) {
  return {c.text("train", "optim"),
          c.text("train", "optim_args"),
          c.number("train", "adam_beta1"),
          c.number("train", "adam_beta2"),
          c.number("train", "adam_epsilon"),
          c.number("train", "weight_decay"),
          c.flag("train", "offload_optimizer")};
}

GradScalerSettings scaler_settings(const RunConfig& c) {
  GradScalerSettings s;
  const std::pair<const char*, double*> numbers[] = {{"init_scale", &s.init_scale},
                                                     {"growth_factor", &s.growth_factor},
                                                     {"backoff_factor", &s.backoff_factor},
                                                     {"min_loss_scale", &s.min_loss_scale},
                                                     {"loss_scale", &s.loss_scale}};
  const std::pair<const char*, int64_t*> counts[] = {{"growth_interval", &s.growth_interval},
                                                     {"hysteresis", &s.hysteresis},
                                                     {"loss_scale_window", &s.loss_scale_window}};
  std::vector<std::string> known = {"consecutive_hysteresis"};
  for (const auto& each : numbers) known.emplace_back(each.first);
  for (const auto& each : counts) known.emplace_back(each.first);
  const Value& table = c.get("train", "grad_scaler_kwargs");
  for (const auto& [name, value] : table.table) {
    const auto is_it = [&](const auto& each) { return name == each.first; };
    const auto* const number = std::ranges::find_if(numbers, is_it);
    const auto* const count = std::ranges::find_if(counts, is_it);
    if (number != std::end(numbers)) {
      if (!value.is_number()) fail("{} = {}: a number is needed", name, value.toml());
      *number->second = value.number();
    } else if (count != std::end(counts)) {
      if (value.kind != Value::Kind::kInt)
        fail("{} = {}: a whole number is needed", name, value.toml());
      *count->second = value.i;
    } else if (name == "consecutive_hysteresis") {
      if (value.kind != Value::Kind::kBool)
        fail("{} = {}: true or false is needed", name, value.toml());
      s.consecutive_hysteresis = value.b;
    } else {
      fail("nothing is called \"{}\"{}", name, did_you_mean(name, known));
    }
  }
  if (s.loss_scale > 0 && table.table.size() > 1)
    fail("with loss_scale = {} the scale stays; remove what says how it changes, or loss_scale",
         s.loss_scale);
  if (table.find("growth_interval") != nullptr && table.find("loss_scale_window") != nullptr)
    fail(
        "growth_interval and loss_scale_window say when the scale grows; leave one of the two out");
  return s;
}

int64_t recompute_every(const RunConfig& c) {
  static const std::vector<std::string> known = {"every_n_layers", "offload", "use_reentrant"};
  int64_t every = 1;
  for (const auto& [name, value] : c.get("train", "activation_checkpointing_kwargs").table) {
    if (name == "every_n_layers") {
      if (value.kind != Value::Kind::kInt || value.i < 1)
        fail("every_n_layers = {}: a whole number from 1 is needed", value.toml());
      every = value.i;
    } else if (name == "offload") {
      if (value.toml() != "false")
        fail("offload = {}: what is kept lies in the processor's memory already; remove it",
             value.toml());
    } else if (name !=
               "use_reentrant") {  // Hugging Face's choice between two ways to the same gradients
      fail("nothing is called \"{}\"{}", name, did_you_mean(name, known));
    }
  }
  return c.flag("train", "activation_checkpointing") ? every : 0;
}

EvaluationSettings evaluation_settings(const RunConfig& c) {
  return {c.integer("train", "per_device_eval_batch_size"),
          c.integer("train", "max_tokens_per_batch"),
          {},
          c.flag("train", "logging_nan_inf_filter")};
}

}  // namespace slipway
