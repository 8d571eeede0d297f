// Folding reported numbers.
#include "plugin/reported.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace slipway {

double Reported::Entry::value() const {
  if (count == 0) return std::numeric_limits<double>::quiet_NaN();
  switch (how) {
    case SLW_REDUCE_MEAN:
      return sum / static_cast<double>(count);
    case SLW_REDUCE_SUM:
      return sum;
    case SLW_REDUCE_MIN:
      return least;
    case SLW_REDUCE_MAX:
      return most;
    default:
      return last;
  }
}

bool Reported::add(std::string_view name, double value, slw_reduce how) {
  auto place = places_.find(std::string(name));
  if (place == places_.end()) {
    if (entries_.size() >= kMostNames) return false;
    place = places_.emplace(name, entries_.size()).first;
    entries_.push_back({std::string(name)});
  }
  Entry& entry = entries_[place->second];
  entry.how = how;
  if (std::isnan(value)) return true;
  entry.least = entry.count == 0 ? value : std::min(entry.least, value);
  entry.most = entry.count == 0 ? value : std::max(entry.most, value);
  entry.sum += value;
  entry.last = value;
  ++entry.count;
  return true;
}

std::vector<std::pair<std::string, double>> Reported::take() {
  std::vector<std::pair<std::string, double>> out;
  for (Entry& entry : entries_) {
    const double value = entry.value();
    out.emplace_back(std::move(entry.name), value);
  }
  entries_.clear();
  places_.clear();
  return out;
}

Json Reported::state() const {
  Json out = Json::array();
  for (const Entry& e : entries_)
    out.push_back({e.name, e.how, e.count, e.sum, e.least, e.most, e.last});
  return out;
}

namespace {

// An infinite number is null in JSON.
double stored_number(const Json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

}  // namespace

void Reported::restore(const Json& state) {
  for (const Json& each : state) {
    const auto name = each.at(0).get<std::string>();
    if (!add(name, std::numeric_limits<double>::quiet_NaN(), each.at(1).get<slw_reduce>())) return;
    Entry& entry = entries_[places_.at(name)];
    entry.count = each.at(2).get<int64_t>();
    entry.sum = stored_number(each.at(3));
    entry.least = stored_number(each.at(4));
    entry.most = stored_number(each.at(5));
    entry.last = stored_number(each.at(6));
  }
}

void Reported::merge(const Json& state) {
  for (const Json& each : state) {
    const auto name = each.at(0).get<std::string>();
    if (!add(name, std::numeric_limits<double>::quiet_NaN(), each.at(1).get<slw_reduce>())) return;
    Entry& entry = entries_[places_.at(name)];
    const auto count = each.at(2).get<int64_t>();
    if (count == 0) continue;
    const double least = stored_number(each.at(4)), most = stored_number(each.at(5));
    entry.least = entry.count == 0 ? least : std::min(entry.least, least);
    entry.most = entry.count == 0 ? most : std::max(entry.most, most);
    if (entry.count == 0) entry.last = stored_number(each.at(6));
    entry.sum += stored_number(each.at(3));
    entry.count += count;
  }
}

}  // namespace slipway
