// The names, and what each means.
#include "config/other_names.h"

#include <algorithm>

#include "config/toml.h"
#include "config/words.h"

namespace slipway {
namespace {

constexpr const char* kLocalShare =
    "; with selection = \"local\" LMFlow samples 1 / top_reward_percentage answers for each "
    "prompt: "
    "that number is samples_per_prompt here";
constexpr const char* kTopBatch =
    "; with collection_strategy = \"top\" LMFlow samples raft_batch_size / top_reward_percentage "
    "prompts once each: write that number, and samples_per_prompt = 1";

constexpr OtherName kNames[] = {
    {"train", "evaluation_strategy", "train", "eval_strategy", ""},
    {"train", "per_gpu_train_batch_size", "train", "per_device_train_batch_size", ""},
    {"train", "per_gpu_eval_batch_size", "train", "per_device_eval_batch_size", ""},
    {"train", "warmup_ratio", "train", "warmup_steps", ""},
    {"train", "gradient_checkpointing", "train", "activation_checkpointing", ""},
    {"train", "gradient_checkpointing_kwargs", "train", "activation_checkpointing_kwargs", ""},
    {"raft", "num_raft_iteration", "raft", "iterations", ""},
    {"raft", "raft_batch_size", "raft", "prompts_per_iteration", kTopBatch},
    {"raft", "collection_strategy", "raft", "selection", ""},
    {"raft", "top_reward_percentage", "raft", "keep", kLocalShare},
    {"raft", "output_max_length", "generation", "max_new_tokens", ""},
    {"raft", "inference_batch_size_per_device", "generation", "max_rows", ""},
    {"generation", "output_max_length", "generation", "max_new_tokens", ""},
    {"generation", "inference_batch_size_per_device", "generation", "max_rows", ""},
    {"model", "model_name_or_path", "model", "weights", ""},
    {"model", "tokenizer_name", "model", "tokenizer", ""},
    {"model", "lora_r", "lora", "r", ""},
    {"model", "lora_alpha", "lora", "alpha", ""},
    {"model", "lora_dropout", "lora", "dropout", ""},
    {"model", "lora_target_modules", "lora", "target_modules", ""},
    {"lora", "lora_r", "lora", "r", ""},
    {"lora", "lora_alpha", "lora", "alpha", ""},
    {"lora", "lora_dropout", "lora", "dropout", ""},
    {"lora", "use_rslora", "lora", "rslora", ""},
    {"data", "dataset_path", "data", "train", ""},
    {"data", "train_file", "data", "train", ""},
    {"data", "validation_file", "data", "eval", ""},
    {"data", "max_train_samples", "data", "limit", ""},
};

// Flags of the Hugging Face Trainer's past that are a value of another key now.
struct OldFlag {
  const char *section, *name, *key, *value;
};
constexpr OldFlag kOldFlags[] = {
    {"train", "group_by_length", "train_sampling_strategy", "group_by_length"}};

constexpr const char* kRewardBlock =
    "a reward is a plugin: write [[reward]] use = \"PLUGIN\" with its options; slipway plugin list "
    "shows those that are there";
constexpr const char* kLora =
    "adapters are trained where [lora] says their rank: write lora.r = 8, and remove it";
constexpr const char* kDora = "of LoRA's kin only rsLoRA is there (lora.rslora = true); remove it";

// LMFlow's arguments that are no keys. Those of RaftAlignerArguments are arguments of training,
// too.
struct LmflowArgument {
  const char* section;
  IdleArgument argument;
};
constexpr LmflowArgument kLmflow[] = {
    {"raft",
     {"output_min_length", nullptr,
      "LMFlow draws the longest length of answers anew for every call; here it is always "
      "generation.max_new_tokens; remove it (raft.discard = [\"shorter:N\"] drops short "
      "answers)"}},
    {"raft",
     {"output_reward_path", nullptr,
      "every iteration's rewards are rows of metrics.jsonl in run.output_dir, and each answer's "
      "stand in samples/ there; remove it"}},
    {"reward", {"reward_type", nullptr, kRewardBlock}},
    {"reward", {"reward_model_or_path", nullptr, kRewardBlock}},
    {"reward", {"reward_task", nullptr, kRewardBlock}},
    {"reward", {"reward_model_args", nullptr, kRewardBlock}},
    {"model", {"use_lora", "false", kLora}},
    {"lora", {"use_dora", "false", kDora}},
    {"lora", {"use_qalora", "false", kDora}},
    {"data",
     {"block_size", nullptr,
      "rows are not cut into blocks of one length: data.max_tokens cuts long ones, and batches are "
      "packed without padding; remove it"}},
    {"data",
     {"disable_group_texts", "true",
      "every row stays an example of its own; batches are packed without padding; remove it"}},
};

struct Absent {
  const char *section, *reason;
};
constexpr const char* kLoraSection = "adapters stand in [lora]: r, alpha, dropout, target_modules";
constexpr const char* kNoShards =
    "how ranks share a run stands in [train]: zero_stage, or deepspeed = \"ds.json\", or fsdp = "
    "\"full_shard\"; how many there are says the launcher: slipway launch --nproc 4 train FILE";
constexpr const char* kNoTracker =
    "trackers are logger plugins, and there is none for it yet. Take the section out; [[logger]] "
    "use = \"tensorboard\" is there, and metrics.jsonl is written in any case";
constexpr Absent kAbsent[] = {
    {"peft", kLoraSection},
    {"qlora", kLoraSection},
    {"adapter", kLoraSection},
    {"quantization",
     "weights are trained in float32. Take the section out; a GGUF file is read as "
     "model.weights, and raft.sampling_weights rounds the weights that answers are sampled with"},
    {"deepspeed", kNoShards},
    {"fsdp", kNoShards},
    {"accelerate", kNoShards},
    {"distributed", kNoShards},
    {"wandb", kNoTracker},
    {"mlflow", kNoTracker},
    {"comet", kNoTracker},
    {"tensorboard", "write [[logger]] use = \"tensorboard\""},
    {"hub",
     "the program does not use the network. Take the section out; the run folder is a model "
     "folder: hf upload REPOSITORY FOLDER"},
    {"dpo", "there is sft and raft: run.algorithm says which. Take the section out"},
    {"ppo", "there is sft and raft: run.algorithm says which. Take the section out"},
    {"grpo", "there is sft and raft: run.algorithm says which. Take the section out"},
    {"sft", "what sft takes stands in [train] and [data]; run.algorithm = \"sft\" chooses it"},
    {"optimizer", "it stands in [train]: optim, learning_rate, lr_scheduler_type"},
    {"eval", "files to evaluate on are data.eval; when, says train.eval_strategy"},
};

// What people call keys, here and in other trainers.
constexpr std::pair<const char*, const char*> kBriefNames[] = {
    {"lr", "train.learning_rate"},
    {"epochs", "train.num_train_epochs"},
    {"num_epochs", "train.num_train_epochs"},
    {"steps", "train.max_steps"},
    {"batch_size", "train.per_device_train_batch_size"},
    {"train_batch_size", "train.per_device_train_batch_size"},
    {"micro_batch_size", "train.per_device_train_batch_size"},
    {"eval_batch_size", "train.per_device_eval_batch_size"},
    {"model", "model.weights"},
    {"model_name", "model.weights"},
    {"model_path", "model.weights"},
    {"base_model", "model.weights"},
    {"data", "data.train"},
    {"dataset", "data.train"},
    {"eval_dataset", "data.eval"},
    {"output", "run.output_dir"},
    {"save_in_background", "train.async_save"},
    {"async_checkpoint", "train.async_save"},
    {"enable_async_checkpointing", "train.async_save"},
    {"max_length", "data.max_tokens"},
    {"max_seq_length", "data.max_tokens"},
    {"max_prompt_length", "data.max_prompt_tokens"},
    {"max_completion_length", "generation.max_new_tokens"},
    {"num_generations", "raft.samples_per_prompt"},
    {"num_iterations", "raft.iterations"},
};

const OldFlag* old_flag(std::string_view section, std::string_view name) {
  for (const OldFlag& flag : kOldFlags)
    if (section == flag.section && name == flag.name) return &flag;
  return nullptr;
}

void set_value(Meaning& meaning, const char* key, const Value& value) {
  const Location where = meaning.value.where;
  meaning.name = key;
  meaning.value = value;
  meaning.value.where = where;
}

void apply_flag(Meaning& meaning, const OldFlag& flag) {
  const std::string name = meaning.section + "." + meaning.name;
  meaning.idle = meaning.value.kind != Value::Kind::kBool || !meaning.value.b;
  if (meaning.value.kind != Value::Kind::kBool) {
    meaning.fault = fmt::format("{} is {} ({}), {} is needed", name, meaning.value.toml(),
                                kind_name(meaning.value.kind), kind_name(Value::Kind::kBool));
    return;
  }
  meaning.notice = meaning.value.b
                       ? fmt::format("{} is written {} = \"{}\" here", name, flag.key, flag.value)
                       : fmt::format("{} = false is what happens without it", name);
  if (meaning.value.b) set_value(meaning, flag.key, Value::of(std::string(flag.value)));
}

void apply_idle(Meaning& meaning, const IdleArgument& argument) {
  const std::string name = meaning.section + "." + meaning.name;
  meaning.idle = true;
  if (argument.harmless == nullptr || !is_harmless(meaning.value, argument.harmless))
    meaning.fault = fmt::format("{} has no use here: {}", name, argument.reason);
  else meaning.notice = fmt::format("{} = {} is what happens anyway", name, meaning.value.toml());
}

}  // namespace

std::span<const OtherName> known_other_names() { return kNames; }

std::vector<std::string> other_names(const Key& key) {
  std::vector<std::string> out;
  const std::string_view section = key.section, name = key.name;
  for (const OtherName& each : kNames)
    if (section == each.key_section && name == each.key &&
        std::ranges::find(out, each.name) == out.end())
      out.emplace_back(each.name);
  return out;
}

const IdleArgument* idle_argument(std::string_view section, std::string_view name) {
  for (const LmflowArgument& each : kLmflow)
    if (name == each.argument.name &&
        (section == each.section ||
         (section == "train" && std::string_view(each.section) == "raft")))
      return &each.argument;
  return section == "train" ? idle_argument(name) : nullptr;
}

Meaning meaning_of(std::string_view section, std::string_view name, const Value& given) {
  Meaning out{std::string(section), std::string(name), given, "", "", false};
  if (const OldFlag* flag = old_flag(section, name); flag != nullptr) {
    apply_flag(out, *flag);
    return out;
  }
  for (const OtherName& each : kNames)
    if (section == each.section && name == each.name) {
      out.section = each.key_section;
      out.name = each.key;
      out.notice =
          fmt::format("{}.{} is called {}{} here{}", section, name,
                      section == each.key_section ? "" : out.section + ".", each.key, each.note);
      return out;
    }
  if (const FormerSwitch* former = section == "train" ? former_switch(name) : nullptr;
      former != nullptr && given.toml() == former->value) {
    out.notice = fmt::format("train.{} = {} is called {} = {} here", name, former->value,
                             former->key, former->key_value);
    set_value(out, former->key, parse_toml_value(former->key_value, former->key));
    return out;
  }
  if (const IdleArgument* idle = idle_argument(section, name); idle != nullptr)
    apply_idle(out, *idle);
  return out;
}

std::string likely_key(std::string_view given) {
  std::string name(given);
  std::ranges::replace(name, '-', '_');
  if (is_key(name)) return name;
  if (const std::string whole = whole_name(name); !whole.empty()) return whole;
  for (const auto& [brief, key] : kBriefNames)
    if (name == brief) return key;
  constexpr size_t kTelling = 5;
  std::string out;
  if (name.size() < kTelling) return "";
  for (const Key& key : run_schema()) {
    if (std::string_view(key.name).find(name) == std::string_view::npos) continue;
    if (!out.empty()) return "";
    out = std::string(key.section) + "." + key.name;
  }
  return out;
}

std::string absent_section(std::string_view section) {
  const auto* found = std::ranges::find(
      kAbsent, section, [](const Absent& each) { return std::string_view(each.section); });
  return found == std::end(kAbsent) ? "" : fmt::format("[{}]: {}", section, found->reason);
}

}  // namespace slipway
