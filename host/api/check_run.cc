// Checks across keys.
#include "api/check_run.h"

#include "api/load_model.h"
#include "base/log.h"
#include "config/schema.h"
#include "dist/nccl_module.h"
#include "loop/flow.h"
#include "loop/run_settings.h"
#include "operators/accelerator/accelerator_module.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/rounding_scope.h"
#include "raft/select.h"
#include "weights/shards.h"

namespace slipway {
namespace {

// The optimizer's and the schedule's own checks; "" where they pass.
template <class Check>
std::string fault_of(Check&& check) {
  try {
    check();
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

}  // namespace

bool has_held_out(const RunConfig& c) {
  return c.integer("data", "eval_rows") > 0 || !c.eval_sets.empty();
}

void check_together(const RunConfig& c) {
  std::vector<std::string> faults;
  const auto fault = [&](const char* section, const char* key, const std::string& text) {
    faults.push_back(
        fmt::format("{}: {}.{}: {}", c.get(section, key).where.text(), section, key, text));
  };
  const bool held_out = has_held_out(c);
  if (const std::string wrong =
          fault_of([&] { (void)state_bytes_per_weight(optimizer_settings(c)); });
      !wrong.empty())
    fault("train", c.text("train", "optim_args").empty() ? "optim" : "optim_args", wrong);
  const std::string schedule_fault =
                        fault_of([&] { (void)stage_schedule(stage_settings(c), 1'000'000); }),
                    &schedule = c.text("train", "lr_scheduler_type");
  if (!schedule_fault.empty()) fault("train", "lr_scheduler_kwargs", schedule_fault);
  else if (goes_by_evaluations(schedule) &&
           (!held_out || (!c.raft && c.text("train", "eval_strategy") == "no")))
    fault("train", "lr_scheduler_type",
          fmt::format("\"{}\" goes by evaluations: {}", schedule,
                      held_out ? "set train.eval_strategy" : "set data.eval or data.eval_rows"));
  if (const std::string wrong =
          fault_of([&] { (void)bytes_of_size(c.text("train", "max_shard_size")); });
      !wrong.empty())
    fault("train", "max_shard_size", wrong);
  if (const std::string wrong = fault_of([&] { (void)recompute_every(c); }); !wrong.empty())
    fault("train", "activation_checkpointing_kwargs", wrong);
  for (const auto& [bf16, fp16] :
       {std::pair("bf16", "fp16"), std::pair("bf16_full_eval", "fp16_full_eval")})
    if (c.flag("train", bf16) && c.flag("train", fp16))
      fault("train", fp16,
            fmt::format("products round to one type; remove it, or train.{} in {}", bf16,
                        c.get("train", bf16).where.text()));
  if (const std::string wrong = fault_of([&] { GradScaler{scaler_settings(c)}; }); !wrong.empty())
    fault("train", "grad_scaler_kwargs", wrong);
  if (c.text("train", "param_dtype") != "float32" && c.integer("train", "zero_stage") < 3)
    fault("train", "param_dtype",
          "weights travel where ranks cut them: set train.zero_stage = 3, or remove it");
  if (c.flag("train", "offload_optimizer") && c.text("train", "device") == "cpu")
    fault("train", "offload_optimizer",
          "the processor has the optimizer's state already with train.device = \"cpu\"; remove it");
  if (c.text("lora", "base_dtype") != "float32" && c.integer("train", "zero_stage") == 3)
    fault("lora", "base_dtype",
          "matrices in fewer bits are not cut among ranks: set train.zero_stage = 2, or remove it");
  if (c.loss && c.number("train", "label_smoothing_factor") > 0)
    fault("train", "label_smoothing_factor",
          "[loss] says the whole loss; leave one of the two out");
  for (const std::string& text : c.texts("generation", "stop"))
    if (text.empty()) fault("generation", "stop", "an empty text ends every completion; remove it");
  if (c.flag("data", "apply_chat_template") && c.integer("data", "prompt_words") > 0)
    fault("data", "prompt_words",
          "cuts texts, which data.apply_chat_template has none of; remove it");
  if (c.flag("data", "continue_final_message") && !c.raft)
    fault("data", "continue_final_message",
          "says what raft samples answers to; sft trains on what the rows hold: remove it");
  for (std::string& each : flow_faults(c)) faults.push_back(std::move(each));
  for (std::string& each : streaming_faults(c)) faults.push_back(std::move(each));
  if (c.raft) {
    if (!c.metrics.empty())
      faults.push_back(c.metrics[0].where.text() +
                       ": [[metric]] measures what sft evaluates, and slipway evaluate; raft's "
                       "evaluations give rewards: remove it");
    if (c.integer("train", "max_steps") > 0)
      fault("train", "max_steps", "raft runs by raft.iterations; remove it");
    if (!held_out && c.number("raft", "min_distinct_2") > 0)
      fault("raft", "min_distinct_2", "needs held-out prompts: set data.eval_rows or data.eval");
    if (!held_out && std::isfinite(c.number("raft", "stop_reward")))
      fault("raft", "stop_reward", "needs held-out prompts: set data.eval_rows or data.eval");
    if (c.number("raft", "min_distinct_2") > 0 && c.text("train", "save_strategy") == "no")
      fault("raft", "min_distinct_2",
            "goes back to the checkpoint of the iteration's start; train.save_strategy must not be "
            "\"no\"");
    for (const std::string& rule : c.texts("raft", "discard")) {
      try {
        (void)DiscardRule(rule);
      } catch (const Error& e) {
        faults.push_back(fmt::format("{}: {}", c.get("raft", "discard").where.text(), e.what()));
      }
    }
  } else if (c.text("train", "eval_strategy") != "no" && !held_out) {
    fault("train", "eval_strategy", "needs something to evaluate: set data.eval or data.eval_rows");
  }
  if (!faults.empty()) throw ConfigError(faults);
}

void use_device(const RunConfig& c, const Place& place) {
  const Value& device = c.get("train", "device");
  const std::string wrong = fault_of([&] {
    choose_device(device.s, {place.local_rank, place.local_world});
    if (accelerator() != nullptr && !place.is_alone()) (void)device_wires();
  });
  if (!wrong.empty())
    throw ConfigError(
        {fmt::format("{}: train.device = \"{}\": {}", device.where.text(), device.s, wrong)});
  if (const std::string none = why_no_fp16(); !none.empty())
    for (const char* key : {"fp16", "fp16_full_eval"})
      if (const Value& on = c.get("train", key); on.b)
        throw ConfigError({fmt::format("{}: train.{} = true: {}", on.where.text(), key, none)});
}

void check_device(const RunConfig& c, const Place& place) {
  use_device(c, place);
  if (accelerator() == nullptr) return;
  std::vector<std::string> faults;
  if (const std::string wrong =
          fault_of([&] { (void)state_bytes_per_weight(optimizer_settings(c)); });
      !wrong.empty())
    faults.push_back(
        fmt::format("{}: train.optim: {}", c.get("train", "optim").where.text(), wrong));
  if (const Value& weights = c.get("raft", "sampling_weights"); c.raft && weights.s == "int8")
    faults.push_back(
        fmt::format("{}: raft.sampling_weights = \"{}\": on {} they are float32 or bfloat16; "
                    "take one of these, or train.device = \"cpu\"",
                    weights.where.text(), weights.s, accelerator()->name()));
  if (const Value& dtype = c.get("lora", "base_dtype"); dtype.s != "float32")
    faults.push_back(
        fmt::format("{}: lora.base_dtype = \"{}\": on {} weights are float32; remove it, or use "
                    "train.device = \"cpu\"",
                    dtype.where.text(), dtype.s, accelerator()->name()));
  if (const Value& stage = c.get("train", "zero_stage");
      stage.number() > 1 && !place.is_alone() && accelerator()->page_bytes() == 0)
    faults.push_back(
        fmt::format("{}: train.zero_stage = {}: {} maps no memory to addresses that stay, so that "
                    "gradients and weights cannot be cut there; set it to 1",
                    stage.where.text(), stage.toml(), accelerator()->name()));
  for (const auto& [key, nothing] : {std::pair("min_p", 0.0), std::pair("repetition_penalty", 1.0),
                                     std::pair("min_new_tokens", 0.0)})
    if (const Value& given = c.get("generation", key); c.raft && given.number() != nothing)
      faults.push_back(
          fmt::format("{}: generation.{} is not supported on {}; remove it, or use train.device = "
                      "\"cpu\"",
                      given.where.text(), key, accelerator()->name()));
  if (!faults.empty()) throw ConfigError(faults);
}

void check_model(const RunConfig& c, const Model& model) {
  std::vector<std::string> faults;
  const auto fault = [&](const char* section, const char* key, const std::string& text) {
    faults.push_back(
        fmt::format("{}: {}.{}: {}", c.get(section, key).where.text(), section, key, text));
  };
  if (model.parameters().trainable_count() == 0)
    fault("model", "use",
          fmt::format("\"{}\" has no parameter to train; slipway evaluate and predict take it",
                      c.model_use));
  if (model.in_one_piece()) {
    const std::string whole =
        fmt::format("model.use = \"{}\" goes from token ids to logits at once", c.model_use);
    if (c.raft)
      fault("model", "use",
            fmt::format("\"{}\" keeps no cache to write answers with, as raft needs; run.algorithm "
                        "= \"sft\", slipway evaluate and predict take it",
                        c.model_use));
    if (c.number("train", "neftune_noise_alpha") > 0)
      fault("train", "neftune_noise_alpha", whole + ": there are no embeddings to put noise on");
    if (c.flag("train", "activation_checkpointing"))
      fault("train", "activation_checkpointing", whole + ": there are no blocks to compute again");
    for (const char* key : {"bf16", "fp16"})
      if (c.flag("train", key)) fault("train", key, whole + ": its products are its own");
  }
  if (!faults.empty()) throw ConfigError(faults);
}

std::string bf16_warning(const std::string& none, const std::string& slow) {
  if (!none.empty())
    return fmt::format(
        "train.bf16 = true: products in bfloat16 are not fast here ({}); the run is float32, as "
        "without it",
        none);
  if (!slow.empty())
    return fmt::format(
        "train.bf16 = true: products in bfloat16 are not faster here ({}); the run rounds to "
        "bfloat16 all the same; remove the key where speed is what it is for",
        slow);
  return "";
}

void warn_of_slow_products(const RunConfig& c) {
  if (c.flag("train", "fp16"))
    log_warn(
        "train.fp16 = true: operands are rounded to float16 and multiplied in float32, no faster "
        "than without it{}",
        why_no_bf16().empty() ? "; train.bf16 = true has instructions here, and needs no loss scale"
                              : "");
  if (!c.flag("train", "bf16")) return;
  if (const std::string text = bf16_warning(why_no_bf16(), why_bf16_is_slow()); !text.empty())
    log_warn("{}", text);
}

}  // namespace slipway
