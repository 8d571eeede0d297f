// The schema of a run file and its checker.
#include "config/schema.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/nearest.h"
#include "config/blocks.h"
#include "config/toml.h"
#include "config/training_arguments.h"

namespace slipway {
namespace {

using enum Value::Kind;

constexpr Key kKeys[] = {
    {"run", "algorithm", kString, nullptr,
     "What to do: supervised fine-tuning or reward-ranked fine-tuning.", nullptr, nullptr,
     "sft|raft"},
    {"run", "output_dir", kString, nullptr,
     "Folder of the run: metrics, samples, checkpoints, report."},
    {"model", "use", kString, "\"llama\"", "Model plugin, by id or short name."},
    {"model", "weights", kString, "\"\"",
     "A GGUF file, a Hugging Face model folder, or TorchScript (model.pt, with use = "
     "\"torchscript\"); empty = start from model.config, seeded."},
    {"model", "config", kString, "\"\"",
     "A config.json to build a fresh model from, when there are no weights."},
    {"model", "tokenizer", kString, "\"\"",
     "Folder with tokenizer.json, or a GGUF file; empty = beside the weights."},
    {"data", "train", kArray, nullptr,
     "Files to train on (or prompts to sample for): JSON Lines, LMFlow JSON, text, tab-separated. "
     "Relative paths in a run file are looked for beside it, then in the working folder; --set the "
     "other way round."},
    {"data", "eval", kArray, "[]",
     "Files to evaluate on; or a table of named sets, { news = [\"news.jsonl\"], reviews = "
     "[\"a.jsonl\", \"b.jsonl\"] }, whose metrics are eval_news_loss, eval_reviews_loss, ...",
     nullptr, nullptr, nullptr, true},
    {"data", "format", kString, "\"auto\"",
     "How the files are written; auto = by their names: .jsonl and .ndjson are JSON Lines, .json "
     "one JSON value (a list of rows, or LMFlow's), .tsv tab-separated, .txt and others text.",
     nullptr, nullptr, "auto|jsonl|json|lmflow|text|tsv"},
    {"data", "prompt_column", kString, "\"\"",
     "What the prompt is called in JSON rows, where it is none of prompt, input and instruction."},
    {"data", "completion_column", kString, "\"\"",
     "What the answer is called beside data.prompt_column (else completion); without that, the "
     "column "
     "that is the whole text of a row."},
    {"data", "text_column", kInt, "1",
     "With format = \"tsv\": the column that holds the text, from 1.", "1"},
    {"data", "prompt_words", kInt, "0",
     "Take the first N words of each text as its prompt; 0 = the file has prompts.", "0"},
    {"data", "streaming", kBool, "false",
     "Read the rows to train on as they are needed, in the files' order, and hold none of them "
     "(sft): JSON Lines, text, tab-separated. Needs train.max_steps."},
    {"data", "eval_rows", kInt, "0",
     "Set this many rows aside from data.train, evenly spread, to evaluate on.", "0"},
    {"data", "limit", kInt, "0", "Read at most this many rows; 0 = all.", "0"},
    {"data", "max_prompt_tokens", kInt, "256", "Longer prompts are dropped, with a count.", "1"},
    {"data", "max_tokens", kInt, "1024", "Longer examples are cut, with a count.", "2"},
    {"data", "completion_only_loss", kBool, "true",
     "Take the loss on completions, not on prompts."},
    {"data", "append_eos", kBool, "true", "End every completion with the end-of-text token."},
    {"generation", "max_new_tokens", kInt, "64", "A completion is cut at this many tokens.", "1"},
    {"generation", "temperature", kFloat, "1.0", "Softmax temperature; 0 = greedy.", "0.0"},
    {"generation", "top_k", kInt, "0", "Draw among the k most likely tokens; 0 = all.", "0"},
    {"generation", "top_p", kFloat, "1.0",
     "Draw among the most likely tokens that reach this mass.", "0.0", "1.0"},
    {"generation", "max_rows", kInt, "128", "Completions decoded together.", "1"},
    {"raft", "iterations", kInt, "20", "Rounds of sample, score, select, train.", "1"},
    {"raft", "prompts_per_iteration", kInt, "64", "Prompts sampled for in each iteration.", "1"},
    {"raft", "samples_per_prompt", kInt, "8", "Answers sampled for each prompt (K).", "1"},
    {"raft", "sampling_weights", kString, "\"float32\"",
     "How the weights are stored that answers are sampled with: fewer bits are read faster, and "
     "sample from a slightly different policy. Training, kl_beta and the held-out evaluation use "
     "float32 all the same.",
     nullptr, nullptr, "float32|bfloat16|int8"},
    {"raft", "selection", kString, "\"local\"",
     "Keep the best of each prompt's answers, or the best of all.", nullptr, nullptr, "local|top"},
    {"raft", "keep", kFloat, "0.125", "Share of all answers that selection = \"top\" keeps.", "0.0",
     "1.0"},
    {"raft", "optimizer_policy", kString, "\"reset\"",
     "Start every iteration with a fresh optimizer, or carry its moments on.", nullptr, nullptr,
     "reset|persist"},
    {"raft", "scheduler_span", kString, "\"iteration\"",
     "The learning-rate schedule runs over one iteration, or over the run.", nullptr, nullptr,
     "iteration|run"},
    {"raft", "discard", kArray, "[\"empty\"]",
     "Answers that are never kept: \"empty\", \"unfinished\", \"contains:TEXT\", \"shorter:N\" "
     "(characters)."},
    {"raft", "kl_beta", kFloat, "0.0",
     "Rank answers by reward minus this times log(p / p0), p0 being the starting model; keeps a "
     "copy of its weights.",
     "0.0"},
    {"raft", "min_distinct_2", kFloat, "0.0",
     "Stop, and go back one iteration, when distinct-2 of the held-out answers falls under this "
     "share of the starting model's; 0 = never.",
     "0.0", "1.0"},
    {"raft", "stop_reward", kFloat, "inf", "Stop when the held-out reward reaches this."},
    {"raft", "eval_every", kInt, "1",
     "Evaluate held-out prompts after every N iterations; 0 = at start and end only.", "0"},
    {"train", "device", kString, "\"cpu\"",
     "Where models compute: the processor, or an NVIDIA GPU.", nullptr, nullptr, "cpu|cuda"},
    {"train", "seed", kInt, "42", "Seed of everything random.", "0"},
    {"train", "learning_rate", kFloat, "5e-5", "Peak learning rate.", "0.0"},
    {"train", "num_train_epochs", kFloat, "3.0",
     "Passes over the data; with raft, over each iteration's selection.", "0.0"},
    {"train", "max_steps", kInt, "-1",
     "Stop after this many optimizer steps; overrides num_train_epochs when positive."},
    {"train", "per_device_train_batch_size", kInt, "8", "Examples in a micro-batch.", "1"},
    {"train", "per_device_eval_batch_size", kInt, "8", "Examples in an evaluation batch.", "1"},
    {"train", "train_sampling_strategy", kString, "\"random\"",
     "The order of examples: random = shuffled in each epoch; sequential = as in the files; "
     "group_by_length = a step's examples are about equally long; batch_rebalance = a step's "
     "micro-batches cost about the same and hold different numbers of examples.",
     nullptr, nullptr, "random|sequential|group_by_length|batch_rebalance"},
    {"train", "data_seed", kInt, "-1", "Seed of the random order; -1 = train.seed.", "-1"},
    {"train", "dataloader_drop_last", kBool, "false",
     "Leave out the last micro-batch of an epoch when it is short (batch_rebalance: the last "
     "step)."},
    {"train", "bf16", kBool, "false",
     "Round the operands of training's matrix products to bfloat16, sums and weights staying "
     "float32, where that is fast: a processor with AVX-512 BF16 or AMX, or device = \"cuda\". "
     "Elsewhere a warning, and float32."},
    {"train", "max_tokens_per_batch", kInt, "512",
     "A micro-batch, of training or of evaluation, is computed in parts of at most so many tokens: "
     "bounds memory, changes the result by rounding alone; 0 = in one piece.",
     "0"},
    {"train", "gradient_accumulation_steps", kInt, "1", "Micro-batches in an optimizer step.", "1"},
    {"train", "max_grad_norm", kFloat, "1.0",
     "Gradients are clipped to this L2 norm; 0 = not clipped.", "0.0"},
    {"train", "label_smoothing_factor", kFloat, "0.0",
     "Share of the loss that is the mean of -log p over the whole vocabulary instead of the "
     "label's; evaluations too.",
     "0.0", "1.0"},
    {"train", "neftune_noise_alpha", kFloat, "0.0",
     "NEFTune: noise of up to alpha / sqrt(tokens of the sequence * hidden size) on the embeddings "
     "in training; 5 is usual, 0 = none.",
     "0.0"},
    {"train", "activation_checkpointing", kBool, "false",
     "Compute blocks again in the backward pass instead of keeping what it needs: less memory, "
     "more time, the same gradients."},
    {"train", "activation_checkpointing_kwargs", kTable, "{}",
     "What activation_checkpointing takes besides: { every_n_layers = 2 } computes only every "
     "second block again."},
    {"train", "weight_decay", kFloat, "0.0",
     "Weight decay, in the way of the optimizer; norms and biases are left out.", "0.0"},
    {"train", "adam_beta1", kFloat, "0.9", "First decay rate of adamw and lion.", "0.0", "1.0"},
    {"train", "adam_beta2", kFloat, "0.999", "Second decay rate of adamw and lion.", "0.0", "1.0"},
    {"train", "adam_epsilon", kFloat, "1e-8", "adamw's epsilon.", "0.0"},
    {"train", "optim", kString, "\"adamw_torch\"",
     "Optimizer: adamw_torch (also adamw_torch_fused), sgd, adagrad, rmsprop, adafactor, "
     "lion_32bit."},
    {"train", "optim_args", kString, "\"\"",
     "What sgd, adagrad and rmsprop take besides, as \"momentum=0.9, nesterov=true\"."},
    {"train", "lr_scheduler_type", kString, "\"linear\"", "Learning-rate schedule.", nullptr,
     nullptr,
     "linear|cosine|cosine_with_restarts|polynomial|constant|constant_with_warmup|inverse_sqrt|"
     "reduce_lr_on_plateau|cosine_with_min_lr|cosine_warmup_with_min_lr|warmup_stable_decay|"
     "greedy"},
    {"train", "lr_scheduler_kwargs", kTable, "{}",
     "What the schedule takes besides, as { num_cycles = 2 }. reduce_lr_on_plateau and greedy go "
     "by the evaluation: sft's loss, raft's reward."},
    {"train", "warmup_steps", kFloat, "0.0", "Steps of warm-up; below 1, a share of all steps.",
     "0.0"},
    {"train", "logging_strategy", kString, "\"steps\"", "When the loss is logged.", nullptr,
     nullptr, "no|steps|epoch"},
    {"train", "logging_first_step", kBool, "false", "Log the first step as well."},
    {"train", "logging_steps", kFloat, "500.0",
     "Log every N optimizer steps; below 1, a share of all steps.", "0.0"},
    {"train", "include_num_input_tokens_seen", kString, "\"no\"",
     "Count the tokens trained on: in the state, and with their rate in logged rows. There is no "
     "padding, so all and non_padding are the same.",
     nullptr, nullptr, "no|all|non_padding|true|false"},
    {"train", "eval_strategy", kString, "\"no\"",
     "When sft evaluates the loss and the [[metric]]s on data.eval (raft: see raft.eval_every).",
     nullptr, nullptr, "no|steps|epoch"},
    {"train", "eval_steps", kFloat, "0.0",
     "Evaluate every N optimizer steps; below 1, a share of all steps; 0 = logging_steps.", "0.0"},
    {"train", "eval_delay", kFloat, "0.0",
     "No evaluation before so many steps, or epochs with eval_strategy = \"epoch\".", "0.0"},
    {"train", "eval_on_start", kBool, "false", "Evaluate before the first step."},
    {"train", "save_strategy", kString, "\"steps\"",
     "When checkpoints are saved; unless \"no\", raft saves at the start of each iteration too.",
     nullptr, nullptr, "no|steps|epoch|best"},
    {"train", "save_steps", kFloat, "500.0",
     "Save a checkpoint every N optimizer steps; below 1, a share of all steps.", "0.0"},
    {"train", "save_total_limit", kInt, "0",
     "Keep this many checkpoints, and the best beside them; 0 = all.", "0"},
    {"train", "logging_nan_inf_filter", kBool, "true",
     "Leave evaluation batches whose loss is not finite out of eval_loss, where others are finite. "
     "A training step whose loss is not finite always ends the run, before it changes a weight."},
    {"train", "skip_memory_metrics", kBool, "true",
     "false = the last row of training tells what memory was held, as train_mem_cpu_alloc_delta "
     "and the like."},
    {"train", "auto_find_batch_size", kBool, "false",
     "When a run does not fit in memory, begin it anew with batch sizes 0.9 times as large, until "
     "it fits."},
    {"train", "disable_tqdm", kBool, "false",
     "Do not show the run in the terminal. Otherwise the logger console does, as a [[logger]] "
     "block says where there is one for it; slipway train --quiet says only what goes wrong."},
    {"train", "run_name", kString, "\"\"",
     "What loggers call the run; empty = the name of its folder."},
    {"train", "restore_callback_states_from_checkpoint", kBool, "true",
     "Resume callbacks where the checkpoint left them, as early stopping's patience; false = they "
     "begin anew."},
    {"train", "save_only_model", kBool, "false",
     "Checkpoints hold the model without optimizer, schedule and generators: smaller, and no run "
     "can go on from them."},
    {"train", "max_shard_size", kString, "\"50GB\"",
     "Weights are saved in files of at most this size: a number and KB, MB, GB or TB."},
    {"train", "load_best_model_at_end", kBool, "false",
     "End with the best checkpoint's weights instead of the last ones."},
    {"train", "metric_for_best_model", kString, "\"\"",
     "The metric of an evaluation that says which model is the best; empty = the loss, where "
     "something goes by it."},
    {"train", "greater_is_better", kString, "\"auto\"",
     "Whether more of metric_for_best_model is better; auto = unless it ends in \"loss\".", nullptr,
     nullptr, "auto|true|false"},
    {"plugins", "path", kArray, "[]", "More folders to look for plugins in."},
};

// Names of the Hugging Face Trainer's past and of LMFlow, and what they are called here.
const std::map<std::string, std::string>& aliases() {
  static const std::map<std::string, std::string> names = {
      {"train.evaluation_strategy", "eval_strategy"},
      {"train.per_gpu_train_batch_size", "per_device_train_batch_size"},
      {"train.per_gpu_eval_batch_size", "per_device_eval_batch_size"},
      {"train.warmup_ratio", "warmup_steps"},
      {"train.gradient_checkpointing", "activation_checkpointing"},
      {"train.gradient_checkpointing_kwargs", "activation_checkpointing_kwargs"},
      {"raft.num_raft_iteration", "iterations"},
      {"raft.raft_batch_size", "prompts_per_iteration"},
      {"raft.collection_strategy", "selection"},
      {"raft.top_reward_percentage", "keep"},
      {"generation.output_max_length", "max_new_tokens"},
  };
  return names;
}

// Flags of the Hugging Face Trainer's past that are a value of another key now.
struct OldFlag {
  const char *section, *name, *key, *value;
};
constexpr OldFlag kOldFlags[] = {
    {"train", "group_by_length", "train_sampling_strategy", "group_by_length"}};

const OldFlag* old_flag(const std::string& section, const std::string& name) {
  for (const OldFlag& flag : kOldFlags)
    if (section == flag.section && name == flag.name) return &flag;
  return nullptr;
}

const Key* find_key(const std::string& section, const std::string& name) {
  for (const Key& key : kKeys)
    if (section == key.section && name == key.name) return &key;
  return nullptr;
}

std::string location(const Value& value) { return value.where.text(); }

// One text where a list is expected is a list of it.
void as_list(Value& value) {
  if (value.kind != kString) return;
  Value array;
  array.kind = kArray;
  array.where = value.where;
  array.items.push_back(value);
  value = array;
}

std::string item_fault(const std::string& name, const Value& list) {
  for (const Value& item : list.items)
    if (item.kind != kString)
      return fmt::format("{} holds {}, every item must be text", name, item.toml());
  return "";
}

// A table of named lists: names become parts of metrics' names.
std::string named_fault(const std::string& name, Value& table) {
  for (auto& [set, list] : table.table) {
    if (set.empty() || !std::ranges::all_of(set, [](unsigned char c) {
          return std::isalnum(c) != 0 || c == '_' || c == '-';
        }))
      return fmt::format("{}: \"{}\" is no name for a set; letters, digits, _ and - make one", name,
                         set);
    as_list(list);
    if (list.kind != kArray)
      return fmt::format("{}.{} is {} ({}), an array is needed", name, set, list.toml(),
                         kind_name(list.kind));
    if (list.items.empty()) return fmt::format("{}.{} is empty", name, set);
    if (const std::string wrong = item_fault(name + "." + set, list); !wrong.empty()) return wrong;
  }
  return "";
}

// "" when the value is right for the key; converts whole numbers where a float is wanted, one text
// where an array is.
std::string fault(const Key& key, Value& value) {
  const std::string name = std::string(key.section) + "." + key.name;
  if (key.kind == kFloat && value.kind == kInt) {
    value.f = static_cast<double>(value.i);
    value.kind = kFloat;
  }
  if (key.kind == kInt && value.kind == kFloat &&
      value.f == static_cast<double>(static_cast<int64_t>(value.f)))
    value.i = static_cast<int64_t>(value.f), value.kind = kInt;
  if (key.kind == kString && value.kind == kBool && key.choices != nullptr &&
      std::string_view(key.choices).find("true|false") != std::string_view::npos)
    value.s = value.b ? "true" : "false", value.kind = kString;
  if (key.named && value.kind == kTable) return named_fault(name, value);
  if (key.kind == kArray) as_list(value);
  if (value.kind != key.kind)
    return fmt::format("{} is {} ({}), {} is needed", name, value.toml(), kind_name(value.kind),
                       kind_name(key.kind));
  if (key.kind == kArray)
    if (std::string wrong = item_fault(name, value); !wrong.empty()) return wrong;
  if (value.is_number() && key.minimum != nullptr &&
      !(value.number() >= parse_toml_value(key.minimum, name).number()))
    return fmt::format("{} is {}, at least {} is needed", name, value.toml(), key.minimum);
  if (value.is_number() && key.maximum != nullptr &&
      !(value.number() <= parse_toml_value(key.maximum, name).number()))
    return fmt::format("{} is {}, at most {} is allowed", name, value.toml(), key.maximum);
  if (key.choices != nullptr) {
    const std::vector<std::string> names = words_of(key.choices);
    std::string listed = key.choices;
    if (std::ranges::find(names, value.s) == names.end()) {
      std::ranges::replace(listed, '|', ' ');
      return fmt::format("{} is \"{}\", one of {} is needed{}", name, value.s, listed,
                         did_you_mean(value.s, names));
    }
  }
  return "";
}

// One block that names a plugin, whose options the plugin's own schema checks later; `block` as it
// is written.
void check_use(const std::string& section, const std::string& block, const Value& use,
               std::vector<std::string>& faults) {
  const std::vector<std::string> known = block_keys(section);
  for (const auto& [name, item] : use.table)
    if (std::ranges::find(known, name) == known.end())
      faults.push_back(fmt::format("{}: unknown key \"{}\" in {}{}", location(item), name, block,
                                   did_you_mean(name, known)));
  const Value* name = use.find("use");
  if (name == nullptr || name->kind != kString)
    faults.push_back(fmt::format("{}: {} needs use = \"PLUGIN\"; see: slipway plugin list",
                                 location(use), block));
}

// [[reward]], [[metric]], [[callback]], [[logger]]: an array of tables.
void check_uses(const std::string& section, const Value& value, std::vector<std::string>& faults) {
  if (value.kind != kArray) {
    faults.push_back(fmt::format("{}: write [[{}]], with two brackets: there may be several",
                                 location(value), section));
    return;
  }
  for (const Value& use : value.items) {
    if (use.kind != kTable) {
      faults.push_back(fmt::format("{}: every {} must be a table", location(use), section));
      continue;
    }
    check_use(section, "[[" + section + "]]", use, faults);
    if (const Value* weight = use.find("weight"); weight != nullptr && !weight->is_number())
      faults.push_back(fmt::format("{}: reward.weight is {} ({}), a number is needed",
                                   location(*weight), weight->toml(), kind_name(weight->kind)));
    if (const Value* prefix = use.find("prefix"); prefix != nullptr && prefix->kind != kString)
      faults.push_back(fmt::format("{}: metric.prefix is {} ({}), text is needed",
                                   location(*prefix), prefix->toml(), kind_name(prefix->kind)));
  }
}

}  // namespace

std::span<const Key> run_schema() { return kKeys; }

std::vector<std::string> words_of(std::string_view choices) {
  std::vector<std::string> out;
  while (!choices.empty()) {
    const size_t bar = std::min(choices.find('|'), choices.size());
    out.emplace_back(choices.substr(0, bar));
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return out;
}

std::vector<std::string> other_names(const Key& key) {
  std::vector<std::string> out;
  const std::string section = std::string(key.section) + ".";
  for (const auto& [old, name] : aliases())
    if (old.starts_with(section) && name == key.name) out.push_back(old.substr(section.size()));
  return out;
}

bool is_key(std::string_view whole_name) {
  return std::ranges::any_of(kKeys, [&](const Key& key) {
    return whole_name == fmt::format("{}.{}", key.section, key.name);
  });
}

std::string whole_name(std::string_view name) {
  std::string out;
  for (const Key& key : kKeys) {
    const std::vector<std::string> others = other_names(key);
    if (name != key.name && std::ranges::find(others, name) == others.end()) continue;
    if (!out.empty()) return "";  // of several sections
    out = std::string(key.section) + "." + key.name;
  }
  return out;
}

ConfigError::ConfigError(std::vector<std::string> all)
    : Error([&] {
        std::string out;
        for (const std::string& each : all) out += (out.empty() ? "" : "\n") + each;
        return out;
      }()),
      faults(std::move(all)) {}

Value check_run_file(const Value& root, std::vector<std::string>* notices) {
  std::vector<std::string> faults, sections;
  for (const BlockKey& key : block_schema())
    if (std::ranges::find(sections, key.block) == sections.end()) sections.emplace_back(key.block);
  for (const Key& key : kKeys)
    if (std::ranges::find(sections, key.section) == sections.end())
      sections.emplace_back(key.section);
  Value out;
  for (const auto& [section, body] : root.table) {
    if (section == "search") continue;  // `slipway search` reads it; a run has no use for it
    if (std::ranges::find(sections, section) == sections.end()) {
      const std::string whole = body.kind == kTable ? "" : whole_name(section);
      if (body.kind == kTable)
        faults.push_back(fmt::format("{}: unknown section [{}]{}", location(body), section,
                                     did_you_mean(section, sections)));
      else
        faults.push_back(fmt::format(
            "{}: unknown key \"{}\" outside of any section{}", location(body), section,
            whole.empty() ? did_you_mean(section, sections) : ", did you mean \"" + whole + "\"?"));
      continue;
    }
    if (section == "reward" || section == "metric" || section == "callback" ||
        section == "logger") {
      check_uses(section, body, faults);
      out[section] = body;
      continue;
    }
    if (body.kind != kTable) {
      faults.push_back(fmt::format("{}: [{}] must be a table", location(body), section));
      continue;
    }
    if (section == "loss") {
      check_use(section, "[loss]", body, faults);
      out[section] = body;
      continue;
    }
    std::vector<std::string> known;
    for (const Key& key : kKeys)
      if (section == key.section) known.emplace_back(key.name);
    for (const auto& [given, written] : body.table) {
      std::string name = given;
      Value value = written;
      if (const OldFlag* flag = old_flag(section, given); flag != nullptr) {
        if (value.kind != kBool)
          faults.push_back(fmt::format("{}: {}.{} is {} ({}), {} is needed", location(value),
                                       section, given, value.toml(), kind_name(value.kind),
                                       kind_name(kBool)));
        else if (notices != nullptr)
          notices->push_back(value.b ? fmt::format("{}: {}.{} is written {} = \"{}\" here",
                                                   location(value), section, given, flag->key,
                                                   flag->value)
                                     : fmt::format("{}: {}.{} = false is what happens without it",
                                                   location(value), section, given));
        if (value.kind != kBool || !value.b) continue;
        name = flag->key;
        value = Value::of(std::string(flag->value));
        value.where = written.where;
      }
      if (const auto alias = aliases().find(section + "." + given); alias != aliases().end()) {
        name = alias->second;
        if (notices != nullptr)
          notices->push_back(
              fmt::format("{}: {}.{} is called {} here", location(value), section, given, name));
      }
      const FormerSwitch* former = section == "train" ? former_switch(given) : nullptr;
      if (former != nullptr && value.toml() != former->value) former = nullptr;
      if (former != nullptr) {
        name = former->key;
        if (notices != nullptr)
          notices->push_back(fmt::format("{}: train.{} = {} is called {} = {} here",
                                         location(value), given, former->value, name,
                                         former->key_value));
      }
      const Key* key = find_key(section, name);
      if (const IdleArgument* idle =
              key == nullptr && section == "train" ? idle_argument(name) : nullptr;
          idle != nullptr) {
        if (idle->harmless == nullptr || value.toml() != idle->harmless)
          faults.push_back(fmt::format("{}: train.{} has no use here: {}", location(value), given,
                                       idle->reason));
        else if (notices != nullptr)
          notices->push_back(fmt::format("{}: train.{} = {} is what happens anyway",
                                         location(value), given, idle->harmless));
        continue;
      }
      if (key == nullptr) {
        faults.push_back(fmt::format("{}: unknown key \"{}\" in [{}]{}", location(value), given,
                                     section, did_you_mean(given, known)));
        continue;
      }
      if (out[section].find(name) != nullptr)
        faults.push_back(fmt::format("{}: {}.{} is given twice, here as {}", location(value),
                                     section, name, given));
      Value checked = value;
      if (former != nullptr) {
        checked = parse_toml_value(former->key_value, name);
        checked.where = value.where;
      }
      if (const std::string wrong = fault(*key, checked); !wrong.empty())
        faults.push_back(location(value) + ": " + wrong);
      out[section][name] = checked;
    }
  }
  for (const Key& key : kKeys) {
    Value& section = out[key.section];
    if (section.find(key.name) != nullptr) continue;
    if (key.fallback != nullptr) {
      Value value = parse_toml_value(key.fallback, "");
      value.where = {};
      section[key.name] = value;
    } else if (section.kind == kTable) {
      faults.push_back(fmt::format("{}: {}.{} is missing: {}", root.where.file, key.section,
                                   key.name, key.help));
    }
  }
  if (!faults.empty()) throw ConfigError(faults);
  return out;
}

}  // namespace slipway
