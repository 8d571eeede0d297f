// From [train] to TrainingArguments.
#include "record/training_args.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "base/error.h"
#include "plugin/options.h"

namespace slipway {
namespace {

// Keys of [train] that TrainingArguments has not.
constexpr std::string_view kOurs[] = {
    "device",       "max_tokens_per_batch", "max_shard_size", "async_save",
    "zero_stage",   "shard_within",         "reduce_dtype",   "save_sharded",
    "rank_timeout", "offload_optimizer",    "param_dtype",    "grad_scaler_kwargs"};
// Where 0 stands for the peer's None.
constexpr std::string_view kNoneAtZero[] = {"eval_steps", "save_total_limit",
                                            "neftune_noise_alpha"};

bool among(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

// Names of optimizers that transformers 5 has no more.
std::string optimizer_name(const std::string& name) {
  if (name == "adamw" || name == "adamw_hf" || name == "adamw_apex_fused") return "adamw_torch";
  return name == "lion" ? "lion_32bit" : name;
}

// DeepSpeed's schedules come from its own configuration there: what lr_scheduler_type says then is
// not read. These are the nearest that the peer has.
std::string schedule_name(const std::string& name) {
  if (name == "WarmupLR") return "constant_with_warmup";
  if (name == "LRRangeTest") return "constant";
  if (name == "WarmupDecayLR" || name == "OneCycle") return "linear";
  return name == "WarmupCosineLR" ? "cosine" : name;
}

// What TrainingArguments makes of fsdp and fsdp_config: the words of `fsdp` become entries, and
// "fsdp_" before a name goes.
Json fsdp_config(const std::string& fsdp, const Value& given) {
  Json out = Json::object();
  for (const auto& [name, value] : given.table)
    out[name.starts_with("fsdp_") ? name.substr(5) : name] = json_of(value);
  for (const char* word :
       {"full_shard", "shard_grad_op", "no_shard", "hybrid_shard_zero2", "hybrid_shard"}) {
    if ((" " + fsdp + " ").find(fmt::format(" {} ", word)) == std::string::npos) continue;
    const std::string_view name = word;
    const bool of_both = name == "full_shard" || name == "shard_grad_op";
    if (!of_both && !out.contains("version")) out["version"] = 1;
    const bool is_first = out.contains("version") && out["version"] == 1;
    if (out.contains("reshard_after_forward")) continue;
    if (is_first) out["reshard_after_forward"] = word;
    else out["reshard_after_forward"] = name == "full_shard";
  }
  if (const auto layers = out.find("transformer_layer_cls_to_wrap");
      layers != out.end() && layers->is_string())
    *layers = Json::array({*layers});
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, Json>>{{"min_num_params", 0},
                                                           {"xla", false},
                                                           {"xla_fsdp_v2", false},
                                                           {"xla_fsdp_grad_ckpt", false}})
    if (!out.contains(name)) out[name] = value;
  return out;
}

Json as_argument(std::string_view name, const Value& value) {
  if (name == "optim") return optimizer_name(value.s);
  if (name == "lr_scheduler_type") return schedule_name(value.s);
  if (name == "ddp_bucket_cap_mb" && value.where.file.empty()) return {};
  if (name == "fsdp") return value.s.empty() ? Json() : Json(true);
  if ((name == "deepspeed" || name == "accelerator_config") && value.table.empty()) return {};
  if (name == "data_seed" && value.i < 0) return {};
  if (name == "greater_is_better") return value.s == "auto" ? Json() : Json(value.s == "true");
  if (value.kind == Value::Kind::kString && value.s.empty()) return {};
  if (value.is_number() && value.number() == 0 && among(name, kNoneAtZero)) return {};
  return json_of(value);
}

}  // namespace

Json training_args(const RunConfig& config) {
  Json out;
  out["output_dir"] = config.output_dir.string();
  out["use_cpu"] = config.text("train", "device") == "cpu";
  for (const auto& [name, value] : config.resolved.find("train")->table)
    if (!among(name, kOurs)) out[name] = as_argument(name, value);
  const std::string& fsdp = config.text("train", "fsdp");
  out["fsdp_config"] =
      fsdp.empty() ? Json() : fsdp_config(fsdp, config.get("train", "fsdp_config"));
  if (out["lr_scheduler_type"] != config.text("train", "lr_scheduler_type"))
    out["lr_scheduler_kwargs"] = Json::object();
  return out;
}

}  // namespace slipway
