// config.json to numbers.
#include "shape.h"

#include <cmath>
#include <string>

namespace {

using slipway::ModelConfig;

// Beyond every model that there is; each layer costs time and memory before any weight is looked
// at.
constexpr int64_t kMostLayers = 10'000;

double checked(const ModelConfig& c, const char* key, double fallback, bool zero) {
  const double value = c.number(key, fallback);
  if (!std::isfinite(value) || value < 0 || (value == 0 && !zero))
    ModelConfig::bad(key, zero ? "must not be negative" : "must be positive");
  return value;
}

std::string text(const ModelConfig& c, const char* key, const std::string& fallback) {
  const slw_value* value = c.find(key);
  if (value != nullptr && value->type != SLW_STRING) ModelConfig::bad(key, "is not a text");
  return c.text(key, fallback);
}

// A table that changes rotary positions must say "default", and nothing beside it but theta.
void check_rope_table(const char* key, const ModelConfig& c) {
  const slw_value* value = c.find(key);
  if (value == nullptr) return;
  const auto table = c.table(key);
  if (!table) ModelConfig::bad(key, "is not a table");
  for (const char* name : {"rope_type", "type"})
    if (const std::string type = text(*table, name, "default"); type != "default")
      ModelConfig::bad(key, "of type \"" + type + "\" is not supported yet (\"default\" is)");
  for (uint64_t i = 0; i < value->v.table.size; ++i) {
    const std::string_view name = slipway::view(value->v.table.items[i].key);
    const bool whole =
        name == "partial_rotary_factor" && table->number("partial_rotary_factor") == 1;
    if (name != "rope_type" && name != "type" && name != "rope_theta" && !whole)
      ModelConfig::bad(key, "with \"" + std::string(name) + "\" is not supported yet");
  }
}

// A key that restates what follows from the others.
void check_same(const ModelConfig& c, const char* key, double same) {
  if (const double value = c.number(key, same); !(std::abs(value - same) <= 1e-6 * same))
    ModelConfig::bad(
        key, "= " + std::to_string(value) + " is not supported (" + std::to_string(same) + " is)");
}

}  // namespace

Shape::Shape(const ModelConfig& c)
    : hidden(c.positive("hidden_size")),
      ffn(c.positive("intermediate_size")),
      layers(c.positive("num_hidden_layers")),
      heads(c.positive("num_attention_heads")),
      kv_heads(c.positive("num_key_value_heads", static_cast<double>(heads))),
      width(c.find("head_dim") == nullptr ? hidden / heads : c.positive("head_dim")),
      vocab(c.positive("vocab_size")),
      max_positions(c.positive("max_position_embeddings", 2048)),
      eps(checked(c, "rms_norm_eps", 1e-6, true)),
      theta(checked(c, "rope_theta", 10000.0, false)),
      tied(c.number("tie_word_embeddings", 0) != 0),
      init_std(checked(c, "initializer_range", 0.02, true)) {
  if (layers > kMostLayers)
    ModelConfig::bad("num_hidden_layers", "= " + std::to_string(layers) + " is more than " +
                                              std::to_string(kMostLayers));
  if (c.find("head_dim") == nullptr && hidden % heads != 0)
    ModelConfig::bad("hidden_size",
                     "does not divide into num_attention_heads; is \"head_dim\" missing?");
  if (heads % kv_heads != 0)
    ModelConfig::bad("num_attention_heads", "is not a multiple of num_key_value_heads");
  if (width % 2 != 0) ModelConfig::bad("head_dim", "must be even for rotary positions");
  if (heads * width > 1'000'000'000)
    ModelConfig::bad("head_dim", "times num_attention_heads is too large");
  for (const char* key : {"rope_scaling", "rope_parameters"}) check_rope_table(key, c);
  // Newer config.json files keep the rotary base in a table of its own.
  if (const auto rope_table = c.table("rope_parameters"))
    theta = checked(*rope_table, "rope_theta", theta, false);
  if (const std::string act = text(c, "hidden_act", "silu"); act != "silu" && act != "swish")
    ModelConfig::bad("hidden_act", "is \"" + act + "\", only \"silu\" is known");
  check_same(c, "attention_multiplier", 1 / std::sqrt(static_cast<double>(width)));
  check_same(c, "query_pre_attn_scalar", static_cast<double>(width));
  check_same(c, "partial_rotary_factor", 1);
  check_same(c, "rotary_pct", 1);
  check_same(c, "rotary_dim", static_cast<double>(width));
}
