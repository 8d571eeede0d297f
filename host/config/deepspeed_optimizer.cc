// A type decides which parameters there are.
#include "config/deepspeed_optimizer.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "config/words.h"

namespace slipway {
namespace {

using enum Value::Kind;

constexpr const char* kIsAdamW = "weight decay is decoupled, as in AdamW; write true, or remove it";
constexpr const char* kIsCorrected = "moments are always corrected; write true, or remove it";
constexpr const char* kNoAmsgrad = "it is not there; remove it";
constexpr const char* kClipElsewhere = "write gradient_clipping instead";

void read_betas(const Said& said, TrainKeys& keys) {
  const std::vector<Value>& betas = said.value.items;
  if (betas.size() != 2 || !betas[0].is_number() || !betas[1].is_number())
    return keys.fault(said, "is not a list of two numbers");
  keys.mean(said, "adam_beta1", betas[0]);
  keys.mean(said, "adam_beta2", betas[1]);
}

// Goes into optim_args as NAME=VALUE.
void read_argument(const Said&, TrainKeys&) {}

constexpr Word kLr{"lr", "learning_rate"}, kDecay{"weight_decay", "weight_decay"},
    kBetas{"betas", nullptr, read_betas},
    kMaxNorm{"max_grad_norm", nullptr, nullptr, "", kClipElsewhere};
constexpr Word kAdamWords[] = {
    kLr,
    kDecay,
    kBetas,
    kMaxNorm,
    {"eps", "adam_epsilon"},
    {"adam_w_mode", nullptr, nullptr, "true", kIsAdamW},
    {"bias_correction", nullptr, nullptr, "true", kIsCorrected},
    {"amsgrad", nullptr, nullptr, "false", kNoAmsgrad},
    {"torch_adam"},
    {"set_grad_none"},
    {"fused"},
    {"foreach"},
};
constexpr Word kLionWords[] = {kLr, kDecay, kBetas, kMaxNorm, {"set_grad_none"}};
constexpr Word kSgdWords[] = {kLr,
                              kDecay,
                              kMaxNorm,
                              {"momentum", nullptr, read_argument},
                              {"dampening", nullptr, read_argument},
                              {"nesterov", nullptr, read_argument}};
constexpr Word kAdagradWords[] = {kLr,
                                  kDecay,
                                  kMaxNorm,
                                  {"lr_decay", nullptr, read_argument},
                                  {"eps", nullptr, read_argument},
                                  {"initial_accumulator_value", nullptr, nullptr, "0", kNoAmsgrad}};
constexpr Word kRmspropWords[] = {kLr,
                                  kDecay,
                                  kMaxNorm,
                                  {"alpha", nullptr, read_argument},
                                  {"eps", nullptr, read_argument},
                                  {"momentum", nullptr, read_argument},
                                  {"centered", nullptr, read_argument}};

struct OptimizerType {
  const char* name;  // as DeepSpeed's documentation writes it; capitals do not matter
  const char* optim;
  std::span<const Word> words;
};
constexpr OptimizerType kOptimizers[] = {
    {"AdamW", "adamw_torch", kAdamWords},  {"Adam", "adamw_torch", kAdamWords},
    {"Lion", "lion_32bit", kLionWords},    {"SGD", "sgd", kSgdWords},
    {"Adagrad", "adagrad", kAdagradWords}, {"RMSprop", "rmsprop", kRmspropWords}};

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// Whether train.optim, as it is written, is one of the names of the same optimizer.
bool is_optimizer(const Value* given, const std::string& optim) {
  if (given == nullptr || given->kind != kString) return false;
  if (optim == "adamw_torch") return given->s.starts_with("adamw");
  return given->s == optim || (optim == "lion_32bit" && given->s == "lion");
}

// What the optimizer takes by optim_args, as "momentum=0.9, nesterov=true".
std::string arguments_in(const Value& params, std::span<const Word> words) {
  std::string out;
  for (const auto& [name, value] : params.table) {
    const auto word = std::ranges::find_if(words, [&](const Word& w) { return w.name == name; });
    if (word == words.end() || word->read != read_argument || is_auto(value)) continue;
    out += fmt::format("{}{}={}", out.empty() ? "" : ", ", name, value.toml());
  }
  return out;
}

// The type of a block; nullptr after a fault.
const Value* type_of(const Said& block, TrainKeys& keys) {
  if (block.value.kind != kTable) return keys.fault(block, "is not a table"), nullptr;
  const std::vector<std::string> known = {"type", "params", "legacy_fusion"};
  for (const auto& [name, value] : block.value.table)
    if (std::ranges::find(known, name) == known.end())
      keys.fault({block.name + "." + name, value}, "is not known" + did_you_mean(name, known));
  const Value* type = block.value.find("type");
  if (type == nullptr || type->kind != kString)
    return keys.fault(block, "has no type, which is needed as text"), nullptr;
  return type;
}

// ---- schedules ----------------------------------------------------------------------------------

constexpr const char* kSteadyBetas =
    "adam_beta1 and adam_beta2 stay for a run; write cycle_momentum = false";

// Whether train.optim, as it is written, is an optimizer with betas, as the default is.
bool has_betas(const Value* optim) {
  return optim == nullptr || optim->s.starts_with("adamw") || optim->s.starts_with("lion");
}

// Goes into lr_scheduler_kwargs under its name.
void read_option(const Said&, TrainKeys&) {}

// DeepSpeed's own count of updates, which a run keeps.
constexpr Word kLastBatch{"last_batch_iteration", nullptr, nullptr, "-1",
                          "a run counts its own updates; remove it"};

// The run is as long as the schedule where both say how long; else the schedule is as long as said.
void read_total(const Said& said, TrainKeys& keys) {
  const Value* steps = keys.given("max_steps");
  if (steps != nullptr && steps->is_number() && steps->number() > 0)
    keys.mean(said, "max_steps", said.value);
}

constexpr Word kWarmupSteps{"warmup_num_steps", "warmup_steps"},
    kWarmupType{"warmup_type", nullptr, read_option}, kMaxLr{"warmup_max_lr", "learning_rate"},
    kMinLr{"warmup_min_lr", nullptr, read_option}, kTotal{"total_num_steps", nullptr, read_total};
constexpr Word kWarmupWords[] = {kMinLr, kMaxLr, kWarmupSteps, kWarmupType, kLastBatch};
constexpr Word kDecayWords[] = {kMinLr, kMaxLr, kWarmupSteps, kWarmupType, kLastBatch, kTotal};
constexpr Word kCosineWords[] = {kWarmupSteps,
                                 kWarmupType,
                                 kLastBatch,
                                 kTotal,
                                 {"warmup_min_ratio", nullptr, read_option},
                                 {"cos_min_ratio", nullptr, read_option}};

// DeepSpeed turns it off for optimizers without betas.
void read_momentum(const Said& said, TrainKeys& keys) {
  if (said.value.kind != kBool) return keys.fault(said, "is not true or false");
  if (said.value.b && has_betas(keys.given("optim")))
    keys.fault(said, std::string("cannot be had: ") + kSteadyBetas);
  else keys.has_no_effect(said);
}

constexpr Word kCycleWords[] = {{"cycle_max_lr", "learning_rate"},
                                {"cycle_min_lr", nullptr, read_option},
                                {"cycle_first_step_size", nullptr, read_option},
                                {"cycle_second_step_size", nullptr, read_option},
                                {"decay_step_size", nullptr, read_option},
                                {"decay_lr_rate", nullptr, read_option},
                                {"cycle_momentum", nullptr, read_momentum},
                                {"cycle_min_mom"},
                                {"cycle_max_mom"},
                                {"decay_mom_rate"},
                                // which DeepSpeed reads, and does not look at
                                {"cycle_first_stair_count"},
                                {"cycle_second_stair_count"},
                                kLastBatch};
constexpr Word kRangeWords[] = {{"lr_range_test_min_lr", "learning_rate"},
                                {"lr_range_test_step_size", nullptr, read_option},
                                {"lr_range_test_step_rate", nullptr, read_option},
                                {"lr_range_test_staircase", nullptr, read_option},
                                kLastBatch};

constexpr std::pair<const char*, std::span<const Word>> kSchedules[] = {
    {"WarmupLR", kWarmupWords},
    {"WarmupDecayLR", kDecayWords},
    {"WarmupCosineLR", kCosineWords},
    {"OneCycle", kCycleWords},
    {"LRRangeTest", kRangeWords}};

// What the schedule takes by lr_scheduler_kwargs.
Value options_in(const Value& params, std::span<const Word> words, const TrainKeys& keys) {
  Value out;
  const Value* steps = keys.given("max_steps");
  const bool has_length = steps != nullptr && steps->is_number() && steps->number() > 0;
  for (const auto& [name, value] : params.table) {
    const auto word = std::ranges::find_if(words, [&](const Word& w) { return w.name == name; });
    if (word == words.end() || is_auto(value)) continue;
    if (word->read == read_option || (word->read == read_total && !has_length)) out[name] = value;
  }
  return out;
}

Value params_of(const Said& block, TrainKeys& keys) {
  const Value* params = block.value.find("params");
  if (params == nullptr) return {};
  if (params->kind == kTable) return *params;
  keys.fault({block.name + ".params", *params}, "is not a table");
  return {};
}

}  // namespace

void read_deepspeed_optimizer(const Said& block, TrainKeys& keys) {
  const Value* type = type_of(block, keys);
  if (type == nullptr) return;
  const Said said{block.name + ".type", *type};
  const auto* const found = std::ranges::find_if(kOptimizers, [&](const OptimizerType& each) {
    return lower_case(each.name) == lower_case(type->s);
  });
  if (found == std::end(kOptimizers))
    return keys.fault(said,
                      "cannot be had: AdamW, Adam, Lion, SGD, Adagrad and RMSprop are there; "
                      "without this block train.optim says which");
  const Value* given = keys.given("optim");
  keys.mean(said, "optim", Value::of(std::string(found->optim)),
            given == nullptr || is_optimizer(given, found->optim));
  const Value params = params_of(block, keys);
  read_words(found->words, block.name + ".params", params, keys);
  if (const std::string arguments = arguments_in(params, found->words); !arguments.empty())
    keys.mean({block.name + ".params", params}, "optim_args", Value::of(arguments));
}

void read_deepspeed_schedule(const Said& block, TrainKeys& keys) {
  const Value* type = type_of(block, keys);
  if (type == nullptr) return;
  const Said said{block.name + ".type", *type};
  const auto* const found =
      std::ranges::find_if(kSchedules, [&](const auto& each) { return type->s == each.first; });
  if (found == std::end(kSchedules))
    return keys.fault(said,
                      "cannot be had: WarmupLR, WarmupDecayLR, WarmupCosineLR, OneCycle and "
                      "LRRangeTest are there; without this block train.lr_scheduler_type says "
                      "which");
  keys.mean(said, "lr_scheduler_type", *type);
  const Value params = params_of(block, keys);
  read_words(found->second, block.name + ".params", params, keys);
  if (type->s == "OneCycle" && params.find("cycle_momentum") == nullptr &&
      has_betas(keys.given("optim")))
    keys.fault(said, std::string("cycles betas unless it says otherwise: ") + kSteadyBetas);
  Value options = options_in(params, found->second, keys);
  if (!options.table.empty())
    keys.mean({block.name + ".params", params}, "lr_scheduler_kwargs", std::move(options));
}

}  // namespace slipway
