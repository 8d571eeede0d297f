// SPDX-License-Identifier: Apache-2.0
// rotary_table.hpp -- the tables of a config.json that scale rotary positions, each of whose keys
// is read or refused by name. C++17.
#pragma once
#include "decoder_config.hpp"

namespace slipway {

// One rope table of a config.json, which knows which of its keys were read.
class RotaryTable {
 public:
  // `name`: the key that it stands under, for messages. nullptr: there is none.
  RotaryTable(std::string name, const slw_value *whole) : name_(std::move(name)), whole_(whole) {
    if (whole != nullptr && whole->type != SLW_TABLE) ModelConfig::bad(name_, "is not a table");
    for (const char *key : {"type", "rope_type"})
      if (const slw_value *said = value(key); said != nullptr) {
        if (said->type != SLW_STRING) ModelConfig::bad(name_, "has a type that is not a text");
        type_ = view(said->v.s);
      }
  }
  const std::string &type() const { return type_; }
  bool has(const char *key) const { return value(key) != nullptr; }
  double number(const char *key, double fallback = NAN) const {
    if (value(key) == nullptr && std::isnan(fallback)) bad(key, "is missing");
    const double out = value(key) ? ModelConfig(*whole_).number(key, fallback) : fallback;
    if (!std::isfinite(out)) bad(key, "is not finite");
    return out;
  }
  double above_zero(const char *key, double fallback = NAN) const {
    const double out = number(key, fallback);
    if (out <= 0) bad(key, "must be positive");
    return out;
  }
  std::vector<double> numbers(const char *key, size_t count) const {
    std::vector<double> out;
    const slw_value *list = value(key);
    for (uint64_t i = 0; list != nullptr && list->type == SLW_ARRAY && i < list->v.array.size;
         ++i) {
      const slw_value &each = list->v.array.items[i];
      out.push_back(each.type == SLW_FLOAT ? each.v.f : static_cast<double>(each.v.i));
    }
    if (out.size() != count) bad(key, "is not a list of " + std::to_string(count) + " numbers");
    return out;
  }
  // Throws Error naming the first key that was not asked for: the type does not have it.
  void finish() const {
    for (uint64_t i = 0; whole_ != nullptr && i < whole_->v.table.size; ++i)
      if (const std::string key(view(whole_->v.table.items[i].key)); read_.count(key) == 0)
        ModelConfig::bad(name_,
                         "with \"" + key + "\" is not supported for the type \"" + type_ + "\"");
  }
  [[noreturn]] void refuse_type() const {
    ModelConfig::bad(name_, "of type \"" + type_ +
                                "\" is not supported (default, linear, dynamic, yarn, longrope and "
                                "llama3 are)");
  }
  [[noreturn]] void bad(const std::string &key, const std::string &what) const {
    ModelConfig::bad(name_, "of type \"" + type_ + "\": \"" + key + "\" " + what);
  }

 private:
  const slw_value *value(const char *key) const {
    read_.insert(key);
    return whole_ != nullptr ? ModelConfig(*whole_).find(key) : nullptr;
  }

  std::string name_, type_ = "default";
  const slw_value *whole_;
  mutable std::set<std::string> read_;
};

// The table of a config.json: "rope_scaling" counts before "rope_parameters".
inline RotaryTable rotary_table(const DecoderConfig &c) {
  const slw_value *older = c.find("rope_scaling");
  if (older != nullptr && older->type != SLW_TABLE)
    ModelConfig::bad("rope_scaling", "is not a table");
  return older != nullptr && older->v.table.size != 0
             ? RotaryTable("rope_scaling", older)
             : RotaryTable("rope_parameters", c.find("rope_parameters"));
}
// The table of a type of layers; "rope_scaling" is that of full attention.
inline RotaryTable rotary_table(const DecoderConfig &c, std::string_view layer_type) {
  const auto scaling = c.table("rope_scaling"), parameters = c.table("rope_parameters");
  const slw_value *whole = c.find("rope_parameters");
  for (uint64_t i = 0; whole != nullptr && i < whole->v.table.size; ++i)
    if (const std::string key(view(whole->v.table.items[i].key));
        key != "full_attention" && key != "sliding_attention")
      ModelConfig::bad("rope_parameters", "with \"" + key +
                                              "\" is not supported (tables for full_attention and "
                                              "sliding_attention are)");
  if (scaling && parameters) ModelConfig::bad("rope_scaling", "stands beside rope_parameters");
  if (scaling && layer_type == "full_attention")
    return RotaryTable("rope_scaling", c.find("rope_scaling"));
  return RotaryTable("rope_parameters." + std::string(layer_type),
                     parameters ? parameters->find(layer_type) : nullptr);
}

}  // namespace slipway
