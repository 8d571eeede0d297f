// From [train] to TrainingArguments.
#include "record/training_args.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "plugin/options.h"

namespace slipway {
namespace {

// Keys of [train] that TrainingArguments has not.
constexpr std::string_view kOurs[] = {"device", "max_tokens_per_batch", "max_shard_size",
                                      "async_save"};
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

Json as_argument(std::string_view name, const Value& value) {
  if (name == "optim") return optimizer_name(value.s);
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
  return out;
}

}  // namespace slipway
