// Reading optim_args.
#include "optim/optimizer_options.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/nearest.h"

namespace slipway {

OptimizerOptions::OptimizerOptions(std::string optimizer, std::string_view text)
    : optimizer_(std::move(optimizer)) {
  std::string packed(text);
  std::erase(packed, ' ');
  for (size_t at = 0; at < packed.size();) {
    const size_t comma = std::min(packed.find(',', at), packed.size());
    const std::string pair = packed.substr(at, comma - at);
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      fail("optim_args: \"{}\" is not of the form name=value", pair);
    values_[pair.substr(0, equals)] = pair.substr(equals + 1);
    at = comma + 1;
  }
}

const std::string* OptimizerOptions::find(const std::string& name) {
  known_.push_back(name);
  const auto at = values_.find(name);
  return at == values_.end() ? nullptr : &at->second;
}

double OptimizerOptions::number(const std::string& name, double fallback) {
  const std::string* text = find(name);
  if (text == nullptr) return fallback;
  double value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size())
    fail("optim_args: {} is \"{}\", a number is needed", name, *text);
  return value;
}

bool OptimizerOptions::flag(const std::string& name, bool fallback) {
  const std::string* text = find(name);
  if (text == nullptr) return fallback;
  for (const auto& [word, value] : {std::pair{"true", true},
                                    {"True", true},
                                    {"1", true},
                                    {"yes", true},
                                    {"false", false},
                                    {"False", false},
                                    {"0", false},
                                    {"no", false}})
    if (*text == word) return value;
  fail("optim_args: {} is \"{}\", true or false is needed", name, *text);
}

void OptimizerOptions::done() const {
  for (const auto& [name, value] : values_) {
    if (name == "weight_decay")
      fail("optim_args: weight_decay has a key of its own, train.weight_decay");
    if (std::ranges::find(known_, name) == known_.end())
      fail("optim_args: the optimizer \"{}\" has no option \"{}\"{}", optimizer_, name,
           did_you_mean(name, known_));
  }
}

}  // namespace slipway
