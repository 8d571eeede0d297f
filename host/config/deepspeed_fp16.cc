// DeepSpeed's dynamic loss scale is that of torch with a hysteresis and a least scale.
#include "config/deepspeed_fp16.h"

#include <cmath>

#include "config/words.h"

namespace slipway {
namespace {

using enum Value::Kind;

// Goes into grad_scaler_kwargs.
void read_number(const Said& said, TrainKeys& keys) {
  if (!said.value.is_number()) keys.fault(said, "is not a number");
}

constexpr Word kFp16Words[] = {
    {"enabled", "fp16"},
    {"initial_scale_power", nullptr, read_number},
    {"loss_scale_window", nullptr, read_number},
    {"hysteresis", nullptr, read_number},
    {"min_loss_scale", nullptr, read_number},
    {"loss_scale", nullptr, nullptr, "0",
     "the loss scale follows overflows; write 0, and initial_scale_power for where it begins"},
    {"consecutive_hysteresis", nullptr, nullptr, "false",
     "overflows are counted since the scale last grew; remove it"},
    {"fp16_master_weights_and_grads", nullptr, nullptr, "false",
     "weights and gradients are float32; remove it"},
    {"fp16_master_weights_and_gradients", nullptr, nullptr, "false",
     "weights and gradients are float32; remove it"},
    {"auto_cast"},
};

bool is_on(const Said& block, const TrainKeys& keys) {
  const Value* enabled = block.value.find("enabled");
  if (enabled == nullptr) return false;
  if (!is_auto(*enabled)) return enabled->kind == kBool && enabled->b;
  const Value* given = keys.given("fp16");
  return given != nullptr && given->kind == kBool && given->b;
}

double number_or(const Value& block, const char* name, double fallback) {
  const Value* value = block.find(name);
  return value != nullptr && value->is_number() ? value->number() : fallback;
}

}  // namespace

void read_deepspeed_fp16(const Said& block, TrainKeys& keys) {
  if (block.value.kind != kTable) return keys.fault(block, "is not a table");
  if (!is_on(block, keys)) {
    if (const Value* enabled = block.value.find("enabled");
        enabled != nullptr && !is_auto(*enabled))
      keys.mean({block.name + ".enabled", *enabled}, "fp16", *enabled);
    return;
  }
  read_words(kFp16Words, block.name, block.value, keys);
  const Value& v = block.value;
  Value scaler;
  scaler["init_scale"] = Value::of(std::exp2(number_or(v, "initial_scale_power", 16)));
  scaler["growth_interval"] =
      Value::of(static_cast<int64_t>(number_or(v, "loss_scale_window", 1000)));
  scaler["hysteresis"] = Value::of(static_cast<int64_t>(number_or(v, "hysteresis", 2)));
  scaler["min_loss_scale"] = Value::of(number_or(v, "min_loss_scale", 1));
  keys.mean(block, "grad_scaler_kwargs", std::move(scaler));
}

}  // namespace slipway
