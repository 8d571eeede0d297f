// Results.
#include "record/results.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace slipway {
namespace {

// As Python writes a float.
std::string decimal(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const std::string text = fmt::format("{}", value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string duration(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  const auto hundredths =
      static_cast<int64_t>(std::abs(seconds - static_cast<double>(whole)) * 100);
  const std::string days =
      whole >= 86400 ? fmt::format("{} day{}, ", whole / 86400, whole >= 2 * 86400 ? "s" : "") : "";
  return fmt::format("{}{}:{:02}:{:02}.{:02}", days, whole / 3600 % 24, whole / 60 % 60, whole % 60,
                     hundredths);
}

std::string shown(const std::string& name, const Json& value) {
  if (!value.is_number()) return value.is_string() ? value.get<std::string>() : value.dump();
  if (name.find("_runtime") != std::string::npos) return duration(value.get<double>());
  if (name == "total_flos")
    return fmt::format("{}GF", static_cast<int64_t>(value.get<double>() / 0x1p30));
  return value.is_number_float() ? decimal(std::round(value.get<double>() * 1e4) / 1e4)
                                 : value.dump();
}

void write(const fs::path& path, const Json& metrics) {
  write_file_durably(path, nlohmann::json(metrics).dump(4));
}

}  // namespace

std::string results_table(const std::string& split, const Json& metrics) {
  std::vector<std::pair<std::string, std::string>> lines;
  size_t name_width = 0, value_width = 0;
  for (const auto& [name, value] : metrics.items()) {
    lines.emplace_back(name, shown(name, value));
    name_width = std::max(name_width, name.size());
    value_width = std::max(value_width, lines.back().second.size());
  }
  std::ranges::sort(lines);
  std::string out = fmt::format("***** {} metrics *****\n", split);
  for (const auto& [name, value] : lines)
    out += fmt::format("  {:<{}} = {:>{}}\n", name, name_width, value, value_width);
  return out;
}

void save_results(const fs::path& folder, const std::string& split, const Json& metrics) {
  write(folder / (split + "_results.json"), metrics);
  const fs::path path = folder / "all_results.json";
  Json all = fs::exists(path) ? parse_json(read_file(path), path.string()) : Json::object();
  if (!all.is_object()) fail("{}: is not a JSON object; move it away", path.string());
  all.update(metrics);
  write(path, all);
}

void save_run_results(const fs::path& folder, const TrainerState& state, int64_t step,
                      const Json& samples) {
  Json train, eval;
  for (Json row : state.log_history) {
    const int64_t at = row.value("step", int64_t{-1});
    for (const char* key : {"step", "event", "iteration"}) row.erase(key);
    if (row.contains("train_runtime")) train = row;
    const bool evaluation = std::ranges::any_of(
        row.items(), [](const auto& each) { return each.key().starts_with("eval_"); });
    if (evaluation && at == step) eval.update(row);
  }
  for (const auto& [name, count] : samples.items())
    if (Json& split = name.starts_with("train_") ? train : eval; !split.is_null())
      split[name] = count;
  if (!train.is_null()) save_results(folder, "train", train);
  if (!eval.is_null()) save_results(folder, "eval", eval);
}

}  // namespace slipway
