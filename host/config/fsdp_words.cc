// The words of FSDP 1 and 2 as the Trainer and accelerate know them.
#include "config/fsdp_words.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace slipway {
namespace {

using enum Value::Kind;

constexpr const char* kNoOffload =
    "weights and gradients, and what a block keeps, stay in the memory of the GPU that computes; "
    "remove it: train.offload_optimizer = true takes the optimizer's state out of it";
constexpr const char* kAllModules =
    "every parameter is cut, and its gradient summed over the ranks; remove it";
constexpr const char* kNoXla = "there is no XLA here; remove it";
constexpr const char* kOffWords = "false|\"false\"";

// A way of cutting, which only one word may name.
struct Strategy {
  const char* name;
  int64_t stage;
  const char* within;  // nullptr: nothing is said of it
};
constexpr Strategy kFsdpStrategies[] = {{"full_shard", 3, nullptr},
                                        {"shard_grad_op", 2, nullptr},
                                        {"no_shard", 0, nullptr},
                                        {"hybrid_shard", 3, "node"},
                                        {"hybrid_shard_zero2", 2, "node"}};
constexpr Strategy kFairscaleStrategies[] = {{"simple", 1, nullptr},
                                             {"true", 1, nullptr},
                                             {"zero_dp_2", 2, nullptr},
                                             {"zero_dp_3", 3, nullptr}};

std::string in_lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

const Strategy* strategy_in(std::span<const Strategy> all, std::string_view name) {
  const auto at = std::ranges::find_if(all, [&](const Strategy& s) { return name == s.name; });
  return at == all.end() ? nullptr : &*at;
}

void take_strategy(const Strategy& strategy, const Said& said, TrainKeys& keys) {
  keys.mean(said, "zero_stage", Value::of(strategy.stage));
  if (strategy.within != nullptr)
    keys.mean(said, "shard_within", Value::of(std::string(strategy.within)));
}

void take_offload(const Said& said, TrainKeys& keys) {
  if (keys.on_processor()) keys.has_no_effect(said);
  else keys.fault(said, std::string("cannot be had: ") + kNoOffload);
}

// The one strategy among the words; nullptr where none is, or after a fault. Words that are
// neither a strategy nor one of `others` are faults.
const Strategy* strategy_of(const std::vector<std::string>& words,
                            std::span<const Strategy> strategies,
                            const std::vector<std::string>& others, const Said& said,
                            TrainKeys& keys) {
  const Strategy* found = nullptr;
  for (const std::string& word : words) {
    const Strategy* strategy = strategy_in(strategies, word);
    if (strategy != nullptr && found != nullptr && found != strategy) {
      keys.fault(said, fmt::format("names two ways of cutting, {} and {}; leave one of them",
                                   found->name, strategy->name));
      return nullptr;
    }
    if (strategy != nullptr) found = strategy;
    if (word == "offload" && keys.on_processor())
      keys.has_no_effect({said.name + ".offload", said.value});
    else if (word == "offload") take_offload(said, keys);
    else if (strategy == nullptr && std::ranges::find(others, word) == others.end()) {
      std::vector<std::string> known = others;
      known.emplace_back("offload");
      for (const Strategy& each : strategies) known.emplace_back(each.name);
      keys.fault(said,
                 fmt::format("has \"{}\", which is not known{}", word, did_you_mean(word, known)));
    }
  }
  return found;
}

// true and false, also as text, as accelerate's files have them.
const bool* switch_of(const Value& value) {
  static constexpr bool kOnOff[] = {true, false};
  if (value.kind == kBool) return &kOnOff[value.b ? 0 : 1];
  const std::string text = value.kind == kString ? in_lower_case(value.s) : "";
  if (text == "true") return &kOnOff[0];
  return text == "false" ? &kOnOff[1] : nullptr;
}

// FSDP 2 has true and false, FSDP 1 the strategy's name.
void read_reshard(const Said& said, TrainKeys& keys) {
  if (const bool* on = switch_of(said.value); on != nullptr)
    return keys.mean(said, "zero_stage", Value::of(int64_t{*on ? 3 : 2}));
  const Strategy* strategy = strategy_in(kFsdpStrategies, in_lower_case(said.value.s));
  if (strategy == nullptr)
    return keys.fault(said,
                      "cannot be had: true is zero_stage = 3 here, false is 2; other groups "
                      "than all ranks are said by train.shard_within");
  take_strategy(*strategy, said, keys);
}

// By name, or by its number in accelerate's list, from 1.
void read_strategy(const Said& said, TrainKeys& keys) {
  const Strategy* strategy = strategy_in(kFsdpStrategies, in_lower_case(said.value.s));
  const auto count = static_cast<int64_t>(std::size(kFsdpStrategies));
  if (said.value.kind == kInt && said.value.i >= 1 && said.value.i <= count)
    strategy = &kFsdpStrategies[said.value.i - 1];
  if (strategy != nullptr) return take_strategy(*strategy, said, keys);
  std::vector<std::string> known;
  for (const Strategy& each : kFsdpStrategies) known.emplace_back(each.name);
  keys.fault(said, "is not known" + did_you_mean(said.value.s, known));
}

void read_recompute(const Said& said, TrainKeys& keys) {
  const bool* on = switch_of(said.value);
  if (on == nullptr) return keys.fault(said, "is not true or false");
  keys.mean(said, "activation_checkpointing", Value::of(*on));
}

void read_offload(const Said& said, TrainKeys& keys) {
  const bool* on = switch_of(said.value);
  if (on == nullptr) keys.fault(said, "is not true or false");
  else if (*on) take_offload(said, keys);
}

void read_state_dict(const Said& said, TrainKeys& keys) {
  const std::string type = in_lower_case(said.value.s);
  if (type == "full_state_dict") keys.mean(said, "save_sharded", Value::of(false));
  else if (type == "sharded_state_dict") keys.mean(said, "save_sharded", Value::of(true));
  else
    keys.fault(said,
               "cannot be had: FULL_STATE_DICT is a whole checkpoint, SHARDED_STATE_DICT one "
               "in pieces");
}

constexpr Word kFsdpWords[] = {
    {"reshard_after_forward", nullptr, read_reshard},
    {"sharding_strategy", nullptr, read_strategy},
    {"state_dict_type", nullptr, read_state_dict},
    {"activation_checkpointing", nullptr, read_recompute},
    {"cpu_offload", nullptr, read_offload},
    {"offload_params", nullptr, read_offload},
    {"activation_checkpointing_offload", nullptr, read_offload},
    {"ignored_modules", nullptr, nullptr, "\"\"|[]", kAllModules},
    {"version", nullptr, nullptr, "1|2", "there are versions 1 and 2, and both mean the same here"},
    {"auto_wrap_policy", nullptr, nullptr,
     "\"TRANSFORMER_BASED_WRAP\"|\"SIZE_BASED_WRAP\"|\"NO_WRAP\"",
     "a model's segments are what is cut; remove it"},
    {"transformer_layer_cls_to_wrap"},
    {"transformer_cls_names_to_wrap"},
    {"min_num_params"},
    {"backward_prefetch"},
    {"backward_prefetch_policy"},
    {"forward_prefetch"},
    {"limit_all_gathers"},
    {"use_orig_params"},
    {"sync_module_states"},
    {"cpu_ram_efficient_loading"},
    {"xla", nullptr, nullptr, kOffWords, kNoXla},
    {"xla_fsdp_v2", nullptr, nullptr, kOffWords, kNoXla},
    {"xla_fsdp_grad_ckpt", nullptr, nullptr, kOffWords, kNoXla},
    {"xla_fsdp_settings"},
};

// true is "true"; text and lists of it are their words, in lower case. Something else is a fault.
std::vector<std::string> option_words(const Said& said, TrainKeys& keys) {
  std::vector<std::string> out;
  if (said.value.kind == kBool) {
    if (said.value.b) out.emplace_back("true");
    return out;
  }
  const auto add = [&](const Value& text) {
    for (size_t at = 0; at < text.s.size();) {
      const size_t end = std::min(text.s.find_first_of(" \t", at), text.s.size());
      if (end > at) out.push_back(in_lower_case(text.s.substr(at, end - at)));
      at = end + 1;
    }
  };
  bool is_text = said.value.kind == kString || said.value.kind == kArray;
  if (said.value.kind == kString) add(said.value);
  for (const Value& item : said.value.items) {
    is_text = is_text && item.kind == kString;
    add(item);
  }
  if (!is_text) keys.fault(said, "is not true, false, text or a list of text");
  return out;
}

// Every key may have "fsdp_" before it.
Value without_prefix(const Value& configuration) {
  Value out = configuration;
  for (auto& [name, value] : out.table)
    if (name.starts_with("fsdp_")) name.erase(0, 5);
  return out;
}

}  // namespace

std::span<const Word> fsdp_words() { return kFsdpWords; }

std::string read_fsdp(const Said& fsdp, const Value& configuration, TrainKeys& keys) {
  const std::vector<std::string> words = option_words(fsdp, keys);
  const Strategy* named = strategy_of(words, kFsdpStrategies, {"auto_wrap", "true"}, fsdp, keys);
  if (named != nullptr) take_strategy(*named, fsdp, keys);
  const Value table = without_prefix(configuration);
  read_words(kFsdpWords, "fsdp_config", table, keys);
  const bool is_said = std::ranges::any_of(table.table, [](const auto& entry) {
    return entry.first == "reshard_after_forward" || entry.first == "sharding_strategy";
  });
  // the Trainer's default, and accelerate's
  if (named == nullptr && !is_said && !words.empty()) take_strategy(kFsdpStrategies[0], fsdp, keys);
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

void read_sharded_ddp(const Said& said, TrainKeys& keys) {
  const std::vector<std::string> words = option_words(said, keys);
  const Strategy* named = strategy_of(words, kFairscaleStrategies, {"auto_wrap"}, said, keys);
  if (named != nullptr) take_strategy(*named, said, keys);
  else if (!words.empty() && std::ranges::all_of(words, [](const std::string& word) {
             return word == "auto_wrap" || word == "offload";
           }))
    keys.fault(said, "names no way of cutting: add zero_dp_2 or zero_dp_3");
}

}  // namespace slipway
