// Trials.
#include "record/report/trials.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/place.h"
#include "record/report/text.h"

namespace slipway::report {
namespace {

SearchedValue searched_value(const Json& value) {
  if (value.is_string()) return {clean_text(value.get_ref<const std::string&>())};
  if (value.is_number_integer()) return {whole_text(value.get<double>()), value.get<double>()};
  if (value.is_number()) return {plain_text(value.get<double>()), value.get<double>()};
  return {clean_text(value.dump(-1, ' ', false, Json::error_handler_t::replace))};
}

// The row that a trial wrote last is what it is.
void take(const Json& row, std::map<int64_t, Trial>& trials) {
  const auto number = row.find("trial");
  if (number == row.end() || !number->is_number_integer()) return;
  Trial trial{number->get<int64_t>(), text_at(row, "state"), kMissing, {}};
  if (trial.state == "complete") trial.objective = number_at(row, "objective");
  if (const auto values = row.find("values"); values != row.end() && values->is_object())
    for (const auto& [key, value] : values->items())
      trial.values.emplace_back(clean_text(key), searched_value(value));
  trials[trial.number] = std::move(trial);
}

}  // namespace

std::vector<std::string> Search::keys() const {
  std::vector<std::string> out;
  for (const Trial& trial : trials)
    for (const auto& [key, value] : trial.values)
      if (std::ranges::find(out, key) == out.end()) out.push_back(key);
  return out;
}

Search read_search(const fs::path& search_dir) {
  const fs::path journal = search_dir / "trials.jsonl";
  std::error_code ec;
  if (!fs::is_regular_file(journal, ec))
    fail("{}: no trials.jsonl there, so no search to report on", search_dir.string());
  Search out;
  out.name = clean_text(
      without_slash(fs::absolute(search_dir, ec).lexically_normal()).filename().string());
  out.metric = "objective";
  std::map<int64_t, Trial> trials;
  out.unreadable = each_row(read_file(journal), [&](const Json& row) {
    take(row, trials);
    if (const std::string metric = text_at(row, "metric"); !metric.empty()) out.metric = metric;
    const std::string direction = text_at(row, "direction");
    if (!direction.empty())
      out.direction = direction == "maximize" ? 1 : direction == "minimize" ? -1 : 0;
  });
  for (auto& [number, trial] : trials) out.trials.push_back(std::move(trial));
  if (out.direction != 0)
    std::ranges::stable_sort(out.trials, [&](const Trial& a, const Trial& b) {
      if (std::isnan(a.objective) || std::isnan(b.objective))
        return !std::isnan(a.objective) && std::isnan(b.objective);
      return out.direction > 0 ? a.objective > b.objective : a.objective < b.objective;
    });
  return out;
}

}  // namespace slipway::report
