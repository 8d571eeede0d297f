// Keys that are set twice, and what they were set to.
#include "config/train_keys.h"

#include "base/error.h"
#include "config/other_names.h"

namespace slipway {
namespace {

bool equal_values(const Value& a, const Value& b) {
  return a.is_number() && b.is_number() ? a.number() == b.number() : a.toml() == b.toml();
}

std::string with_commas(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& each : items) out += (out.empty() ? "" : ", ") + each;
  return out;
}

}  // namespace

TrainKeys::TrainKeys(Value& train, std::vector<std::string>& faults)
    : train_(train), faults_(faults) {
  for (const auto& [name, value] : train.table) {
    const Meaning meaning = meaning_of("train", name, value);
    if (meaning.section != "train" || meaning.idle) continue;
    given_.try_emplace(meaning.name, Given{"train." + name + " = " + value.toml(), meaning.value});
  }
}

const Value* TrainKeys::given(std::string_view key) const {
  const auto at = given_.find(key);
  return at == given_.end() ? nullptr : &at->second.value;
}

bool TrainKeys::on_processor() const {
  const Value* device = given("device");
  return device == nullptr || device->s == "cpu";
}

void TrainKeys::mean(const Said& said, const std::string& key, Value value) {
  const Value* before = given(key);
  const bool agrees = before != nullptr && equal_values(*before, value);
  mean(said, key, std::move(value), agrees);
}

void TrainKeys::mean(const Said& said, const std::string& key, Value value, bool agrees) {
  value.where = said.value.where;
  const std::string here = key + " = " + value.toml();
  became_.push_back(here);
  const auto [at, is_new] = given_.try_emplace(key, Given{said.text(), value, true});
  if (is_new) {
    train_[key] = std::move(value);
  } else if (!agrees) {
    const Given& before = at->second;
    faults_.push_back(fmt::format(
        "{}: {} is {} here, but {} stands in {}{}; {}leave one of the two out",
        said.value.where.text(), said.text(), here, before.said, before.value.where.text(),
        before.by_word ? fmt::format(", which is {} = {}", key, before.value.toml()) : "",
        remedy_));
  }
}

void TrainKeys::fault(const Said& said, const std::string& text) {
  faults_.push_back(fmt::format("{}: {} {}", said.value.where.text(), said.text(), text));
}

void TrainKeys::has_no_effect(const Said& said) {
  const size_t dot = said.name.find('.');
  idle_.push_back(dot == std::string::npos ? said.name : said.name.substr(dot + 1));
}

std::vector<std::string> TrainKeys::notices(const std::string& place, const std::string& whose) {
  std::vector<std::string> out;
  if (!became_.empty())
    out.push_back(fmt::format("{}: {} is here {}", place, whose, with_commas(became_)));
  if (!idle_.empty())
    out.push_back(
        fmt::format("{}: of {}, these have no effect here: {}", place, whose, with_commas(idle_)));
  became_.clear();
  idle_.clear();
  return out;
}

}  // namespace slipway
