// SPDX-License-Identifier: Apache-2.0
// decoder_config.hpp -- a config.json that knows which of its keys were read: what is left when a
// model has read all that it computes with must change nothing, and is refused by name where it
// does. C++17.
#pragma once
#include <algorithm>
#include <set>

#include "decoder_keys.hpp"

namespace slipway {

class DecoderConfig {
 public:
  // `host`: all that create() got: "config", the names of a Hugging Face config.json, and
  // "config_nulls", which of its keys say null.
  explicit DecoderConfig(const ModelConfig &host) : keys_(host.find("config")), config_(*keys_) {
    if (const slw_value *nulls = host.find("config_nulls"); nulls && nulls->type == SLW_ARRAY)
      for (uint64_t i = 0; i < nulls->v.array.size; ++i)
        nulls_.insert(std::string(view(nulls->v.array.items[i].v.s)));
  }

  // ---- reading: each call marks its key as read, and throws Error naming it where it does not fit
  const slw_value *find(const char *key) const { return read_.insert(key), config_.find(key); }
  bool has(const char *key) const { return find(key) != nullptr; }
  // Says null, which is not the same as nothing where there is a default.
  bool is_null(const char *key) const { return read_.insert(key), nulls_.count(key) != 0; }
  // NaN as fallback: the key must be there.
  double number(const char *key, double fallback = NAN) const {
    return find(key), config_.number(key, fallback);
  }
  int64_t positive(const char *key, double fallback = NAN) const {
    return find(key), config_.positive(key, fallback);
  }
  bool flag(const char *key, bool fallback) const { return number(key, fallback ? 1 : 0) != 0; }
  double at_least_zero(const char *key, double fallback) const {
    const double value = number(key, fallback);
    if (!std::isfinite(value) || value < 0) ModelConfig::bad(key, "must not be negative");
    return value;
  }
  double above_zero(const char *key, double fallback) const {
    const double value = number(key, fallback);
    if (!std::isfinite(value) || value <= 0) ModelConfig::bad(key, "must be positive");
    return value;
  }
  // 0 where the key says null.
  double above_zero_or_none(const char *key, double fallback) const {
    if (is_null(key) || (!has(key) && fallback == 0)) return 0;
    return above_zero(key, fallback);
  }
  std::string text(const char *key, const std::string &fallback) const {
    const slw_value *value = find(key);
    if (value != nullptr && value->type != SLW_STRING) ModelConfig::bad(key, "is not a text");
    return config_.text(key, fallback);
  }
  // The items of a list; nothing where the key is not there.
  std::vector<const slw_value *> list(const char *key) const {
    std::vector<const slw_value *> out;
    const slw_value *value = find(key);
    if (value != nullptr && value->type != SLW_ARRAY) ModelConfig::bad(key, "is not a list");
    for (uint64_t i = 0; value != nullptr && i < value->v.array.size; ++i)
      out.push_back(&value->v.array.items[i]);
    return out;
  }
  std::optional<ModelConfig> table(const char *key) const {
    const slw_value *value = find(key);
    if (value != nullptr && value->type != SLW_TABLE) ModelConfig::bad(key, "is not a table");
    return config_.table(key);
  }
  // Keys that change nothing in this model, whatever they say.
  void ignore(std::initializer_list<const char *> keys) const {
    for (const char *key : keys) find(key);
  }
  // A key that restates what follows from the others.
  void same(const char *key, double wanted) const {
    const double value = number(key, wanted);
    if (!(std::abs(value - wanted) <= 1e-6 * std::abs(wanted)))
      ModelConfig::bad(key, "= " + std::to_string(value) + " is not supported (" +
                                std::to_string(wanted) + " is)");
  }
  // The same for a key that other decoders have, and this one did not read.
  void same_unless_read(const char *key, double wanted) const {
    if (read_.count(key) == 0) same(key, wanted);
  }
  // Lists with an entry a layer, where they were not read: all layers have full attention and
  // rotary positions.
  void require_plain_layers() const;
  // It is this model, or the file does not say which.
  void require_model(std::string_view model_type, std::string_view architecture) const;
  // Once all is read: throws Error naming the key with which the model is another one. Returns the
  // keys that nobody knows.
  std::vector<std::string> rest() const;

  static std::string shown(const slw_value &value);

 private:
  static bool is_number(const slw_value &value, double number) {
    if (value.type == SLW_INT || value.type == SLW_BOOL)
      return static_cast<double>(value.v.i) == number;
    return value.type == SLW_FLOAT && value.v.f == number;
  }
  static bool is_neutral(const slw_value &value, const ForeignKey &foreign);
  static const ForeignKey *foreign_key(std::string_view key);

  const slw_value *keys_;
  ModelConfig config_;
  std::set<std::string> nulls_;
  mutable std::set<std::string, std::less<>> read_;
};

// ---- the rest of the file ----------------------------------------------------------------------
inline std::string DecoderConfig::shown(const slw_value &value) {
  if (value.type == SLW_BOOL) return value.v.i != 0 ? "true" : "false";
  if (value.type == SLW_INT) return std::to_string(value.v.i);
  if (value.type == SLW_STRING) return "\"" + std::string(view(value.v.s).substr(0, 80)) + "\"";
  if (value.type == SLW_ARRAY) return "[...]";
  if (value.type != SLW_FLOAT) return "{...}";
  const std::string text = std::to_string(value.v.f);
  return text.substr(0, text.find_last_not_of('0') + 2);
}

inline bool DecoderConfig::is_neutral(const slw_value &value, const ForeignKey &foreign) {
  if ((value.type == SLW_ARRAY && value.v.array.size == 0) ||
      (value.type == SLW_TABLE && value.v.table.size == 0))
    return true;
  if (foreign.neutral == NeutralKey::kText)
    return value.type == SLW_STRING && view(value.v.s) == foreign.text;
  return foreign.neutral != NeutralKey::kNothing &&
         is_number(value, foreign.neutral == NeutralKey::kOne ? 1 : 0);
}

inline const ForeignKey *DecoderConfig::foreign_key(std::string_view key) {
  for (const ForeignKey &each : kForeignKeys)
    if (each.key == key) return &each;
  for (const ForeignKey &each : kForeignParts)
    if (key.find(each.key) != std::string_view::npos) return &each;
  return nullptr;
}

inline void DecoderConfig::require_plain_layers() const {
  const auto require = [&](const char *key, auto &&is_plain) {
    if (read_.count(key) != 0) return;
    for (const slw_value *each : list(key))
      if (!is_plain(*each))
        ModelConfig::bad(key, "with " + shown(*each) +
                                  " is not supported: with it the model is another one");
  };
  require("layer_types", [](const slw_value &each) {
    return each.type == SLW_STRING && view(each.v.s) == "full_attention";
  });
  require("no_rope_layers", [](const slw_value &each) { return is_number(each, 1); });
}

inline std::vector<std::string> DecoderConfig::rest() const {
  std::vector<std::string> unknown;
  for (uint64_t i = 0; keys_->type == SLW_TABLE && i < keys_->v.table.size; ++i) {
    const std::string_view key = view(keys_->v.table.items[i].key);
    const slw_value &value = keys_->v.table.items[i].value;
    if (read_.find(key) != read_.end() || is_listed(kBookkeepingKeys, key)) continue;
    const auto ends = [&](std::string_view end) {
      return key.size() >= end.size() && key.substr(key.size() - end.size()) == end;
    };
    const slw_value *uses_window = config_.find("use_sliding_window");
    if (key == "sliding_window" && uses_window != nullptr && is_number(*uses_window, 0)) continue;
    const ForeignKey *foreign = foreign_key(key);
    if (foreign != nullptr && !is_neutral(value, *foreign))
      ModelConfig::bad(std::string(key),
                       "= " + shown(value) + " is not supported: with it the model is another one");
    if (foreign == nullptr && !ends("_token_id") && !ends("_token_ids") && !ends("_token") &&
        !ends("_token_index"))
      unknown.emplace_back(key.substr(0, 80));
  }
  return unknown;
}

inline void DecoderConfig::require_model(std::string_view model_type,
                                         std::string_view architecture) const {
  const auto is = [](const slw_value &value, std::string_view wanted) {
    return value.type == SLW_STRING && view(value.v.s) == wanted;
  };
  const auto refuse = [](const char *key, const slw_value &found, std::string_view wanted) {
    throw Error(SLW_INVALID_ARGUMENT, std::string("config.json: ") + key + shown(found) +
                                          " is not supported (" + std::string(wanted) + " is)");
  };
  if (const slw_value *type = find("model_type"); type != nullptr && !is(*type, model_type))
    refuse("model_type ", *type, model_type);
  if (const slw_value *named = find("architectures"); named != nullptr) {
    if (named->type != SLW_ARRAY) refuse("architectures names ", *named, architecture);
    for (uint64_t i = 0; i < named->v.array.size; ++i)
      if (!is(named->v.array.items[i], architecture))
        throw Error(SLW_INVALID_ARGUMENT,
                    "config.json: architectures names " + shown(named->v.array.items[i]) +
                        ", which is not supported (" + std::string(architecture) + " is)");
  }
  if (const auto map = table("auto_map"))
    for (const char *model : {"AutoModel", "AutoModelForCausalLM"})
      if (const slw_value *code = map->find(model))
        ModelConfig::bad("auto_map", "names Python code of the model's own (" + shown(*code) +
                                         "), which is not run: what it computes is not known");
}

}  // namespace slipway
