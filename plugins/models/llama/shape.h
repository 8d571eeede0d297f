// The numbers that make a Llama, from a config.json.
#pragma once
#include <cstdint>

#include "slipway/model.hpp"

struct Shape {
  // Throws slipway::Error naming the key that is missing, out of range, or asks for what is not
  // supported.
  explicit Shape(const slipway::ModelConfig& config);

  int64_t hidden, ffn, layers, heads, kv_heads, width, vocab, max_positions;
  double eps, theta;
  bool tied;
  double init_std;
};
