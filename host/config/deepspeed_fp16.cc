// DeepSpeed's loss scale: one that stays, or torch's with a hysteresis, a least scale and another
// count of steps.
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

void read_whole(const Said& said, TrainKeys& keys) {
  if (!said.value.is_number() || said.value.number() != std::floor(said.value.number()))
    keys.fault(said, "is not a whole number");
}

void read_count(const Said& said, TrainKeys& keys) {
  if (said.value.is_number() && said.value.number() < 1)
    keys.fault(said, "is not valid: a whole number from 1 is needed");
  else read_whole(said, keys);
}

void read_switch(const Said& said, TrainKeys& keys) {
  if (said.value.kind != kBool) keys.fault(said, "is not true or false");
}

constexpr Word kFp16Words[] = {
    {"enabled", "fp16"},
    {"initial_scale_power", nullptr, read_whole},
    {"loss_scale_window", nullptr, read_count},
    {"hysteresis", nullptr, read_count},
    {"min_loss_scale", nullptr, read_number},
    {"loss_scale", nullptr, read_number},
    {"consecutive_hysteresis", nullptr, read_switch},
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

// Beside a scale that stays, what says how another changes has no effect, as in DeepSpeed.
Value scaler_of(const Value& block) {
  Value scaler;
  if (const double stays = number_or(block, "loss_scale", 0); stays != 0) {
    scaler["loss_scale"] = Value::of(stays);
    return scaler;
  }
  const Value* consecutive = block.find("consecutive_hysteresis");
  scaler["init_scale"] = Value::of(std::exp2(number_or(block, "initial_scale_power", 16)));
  scaler["loss_scale_window"] =
      Value::of(static_cast<int64_t>(number_or(block, "loss_scale_window", 1000)));
  scaler["hysteresis"] = Value::of(static_cast<int64_t>(number_or(block, "hysteresis", 2)));
  if (consecutive != nullptr && consecutive->kind == kBool && consecutive->b)
    scaler["consecutive_hysteresis"] = *consecutive;
  scaler["min_loss_scale"] = Value::of(number_or(block, "min_loss_scale", 1));
  return scaler;
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
  keys.mean(block, "grad_scaler_kwargs", scaler_of(block.value));
}

}  // namespace slipway
