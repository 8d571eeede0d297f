// Studies.
#include "search/study.h"

#include <algorithm>
#include <cmath>

#include "base/append_log.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/place.h"
#include "config/blocks.h"
#include "config/schema.h"
#include "config/search_space.h"
#include "plugin/options.h"

namespace slipway {
namespace {

using enum Value::Kind;

[[noreturn]] void fault(const Value& at, const std::string& text) {
  throw ConfigError({at.where.text() + ": " + text});
}

void check_keys(const Value& table, const std::vector<std::string>& known,
                const std::string& section) {
  for (const auto& [name, value] : table.table)
    if (std::ranges::find(known, name) == known.end())
      fault(value,
            fmt::format("unknown key \"{}\" in {}{}", name, section, did_you_mean(name, known)));
}

Domain domain_of(const std::string& name, const Value& given) {
  Domain out;
  const std::string section = fmt::format("search.space.\"{}\"", name);
  if (given.kind == kArray) {
    out.type = SLW_DOMAIN_CHOICE;
    out.choices = given.items;
    if (out.choices.empty()) fault(given, section + " is empty");
    return out;
  }
  if (given.kind != kTable)
    fault(given, section + " must be [choices] or { low = , high = , log = , step = }");
  check_keys(given, {"low", "high", "step", "log"}, section);
  const Value *low = given.find("low"), *high = given.find("high"), *step = given.find("step"),
              *log = given.find("log");
  if (low == nullptr || high == nullptr || !low->is_number() || !high->is_number())
    fault(given, section + " needs low and high, both numbers");
  if (step != nullptr && (!step->is_number() || step->number() <= 0))
    fault(*step, section + ".step must be a positive number");
  if (log != nullptr && log->kind != kBool) fault(*log, section + ".log must be true or false");
  out.low = low->number();
  out.high = high->number();
  out.step = step != nullptr ? step->number() : 0;
  out.log_scale = log != nullptr && log->b;
  if (!(out.low <= out.high))
    fault(given, fmt::format("{}: low is {}, over high, {}", section, low->toml(), high->toml()));
  if (out.log_scale && !(out.low > 0))
    fault(given, section + ": a logarithmic scale needs low > 0");
  out.type = low->kind == kInt && high->kind == kInt && (step == nullptr || step->kind == kInt)
                 ? SLW_DOMAIN_INT
                 : SLW_DOMAIN_FLOAT;
  return out;
}

// On the disk when it returns.
void append(AppendLog& journal, const Json& row) {
  journal.append(json_text(row));
  journal.flush();
}

Json row_of(const Trial& trial, const StudySettings& settings, const char* state) {
  Json row = {{"trial", trial.number},
              {"state", state},
              {"metric", settings.metric},
              {"direction", settings.maximize ? "maximize" : "minimize"},
              {"values", Json::object()}};
  for (size_t i = 0; i < settings.domains.size(); ++i)
    row["values"][settings.domains[i].name] = json_of(trial.values[i]);
  return row;
}

struct Finished {
  int64_t trial = 0;
  Json values;
  std::optional<double> objective;  // nothing: it failed
};

// What a row says of a trial that ended; nothing for one that only began. Throws Json::exception
// when it is not a trial's row.
std::optional<Finished> finished(const Json& row) {
  const auto state = row.at("state").get<std::string>();
  Finished out{row.at("trial").get<int64_t>(), row.at("values"), {}};
  if (state == "complete") out.objective = row.at("objective").get<double>();
  return state == "complete" || state == "failed" ? std::optional(std::move(out)) : std::nullopt;
}

// Finished trials in the order in which they ended; one that failed may stand there again. What a
// crash left of a last line does not count.
std::vector<Finished> finished_trials(const fs::path& journal) {
  std::vector<Finished> out;
  if (!path_exists(journal)) return out;
  const std::string text = read_file(journal);
  int line = 1;
  for (size_t at = 0; at < text.size(); ++line) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;
    const Json row = Json::parse(std::string_view(text).substr(at, end - at), nullptr, false);
    if (row.is_discarded() && end + 1 == text.size()) break;
    try {
      if (auto trial = finished(row)) out.push_back(std::move(*trial));
    } catch (const Json::exception&) {
      fail(
          "{}:{}: is not a trial's row; restore the file, or move it away to start the search "
          "again",
          journal.string(), line);
    }
    at = end + 1;
  }
  return out;
}

void tell(const SearchPlugin& plugin, Trial& trial, std::optional<double> objective) {
  trial.state = objective ? SLW_TRIAL_COMPLETE : SLW_TRIAL_FAILED;
  trial.objective = objective.value_or(std::nan(""));
  plugin.tell(trial.number, trial.state, trial.objective);
}

}  // namespace

namespace {

// Every key once, under its own name.
void take_space(const Value& space, StudySettings& out) {
  for (const auto& [given, values] : space.table) {
    const SpaceKey key = space_key(given, values);
    if (!key.fault.empty()) fault(values, fmt::format("search.space.\"{}\": {}", given, key.fault));
    if (!key.notice.empty()) out.notices.push_back(values.where.text() + ": " + key.notice);
    if (std::ranges::find(out.domains, key.name, &Domain::name) != out.domains.end())
      fault(values, fmt::format("search.space: {} is given twice, here as {}", key.name, given));
    out.domains.push_back(domain_of(given, values));
    out.domains.back().name = key.name;
  }
}

}  // namespace

StudySettings take_study(Value& root) {
  StudySettings out;
  const Value* section = root.find("search");
  if (section == nullptr || section->kind != kTable)
    throw ConfigError(
        {fmt::format("{}: has no [search]; see: slipway search --help", root.where.file)});
  check_keys(*section, block_keys("search"), "[search]");
  const auto text = [&](const char* key, const std::string& fallback) {
    const Value* value = section->find(key);
    if (value == nullptr) return fallback;
    if (value->kind != kString) fault(*value, fmt::format("search.{} must be text", key));
    return value->s;
  };
  const auto integer = [&](const char* key, int64_t fallback) {
    const Value* value = section->find(key);
    if (value == nullptr) return fallback;
    if (value->kind != kInt || value->i < 0)
      fault(*value, fmt::format("search.{} must be a whole number, not negative", key));
    return value->i;
  };
  out.use = text("use", "random");
  out.where = section->where;
  if (const Value* options = section->find("options")) out.options = *options;
  out.metric = text("metric", "");
  if (out.metric.empty())
    fault(
        *section,
        "search.metric is missing: a name in metrics.jsonl, like \"eval_reward\" or \"eval_loss\"");
  const std::string direction =
      text("direction", out.metric.ends_with("loss") ? "minimize" : "maximize");
  if (direction != "minimize" && direction != "maximize")
    fault(*section->find("direction"),
          fmt::format("search.direction is \"{}\", minimize or maximize is needed", direction));
  out.maximize = direction == "maximize";
  out.trials = integer("trials", 10);
  out.seed = static_cast<uint64_t>(integer("seed", 42));
  const Value* space = section->find("space");
  if (space == nullptr || space->kind != kTable || space->table.empty())
    fault(*section,
          "[search.space] is missing: one line a key, \"train.learning_rate\" = { low = 1e-5, high "
          "= 1e-3, log = true }");
  take_space(*space, out);
  std::erase_if(root.table, [](const auto& pair) { return pair.first == "search"; });
  return out;
}

std::vector<Trial> run_study(SearchPlugin& plugin, const StudySettings& settings,
                             const fs::path& journal,
                             const std::function<std::optional<double>(const Trial&)>& run,
                             const std::function<void(const Trial&)>& known) {
  std::vector<Trial> out;
  const auto ask = [&] {
    const auto number = static_cast<int64_t>(out.size());
    auto values = plugin.ask(number);
    if (values) out.push_back({number, std::move(*values), SLW_TRIAL_RUNNING, 0});
    return values.has_value();
  };
  // The calls that the plugin has seen, in their order: its state is a function of them.
  for (const Finished& done : finished_trials(journal)) {
    const bool seen = done.trial >= 0 && done.trial < static_cast<int64_t>(out.size());
    if ((!seen && (done.trial != static_cast<int64_t>(out.size()) || !ask())) ||
        row_of(out[static_cast<size_t>(done.trial)], settings, "")["values"] != done.values)
      fail(
          "{}: trial {} has other values than the search proposes now; was [search] changed? move "
          "the file away to start again",
          journal.string(), done.trial);
    tell(plugin, out[static_cast<size_t>(done.trial)], done.objective);
    if (known) known(out[static_cast<size_t>(done.trial)]);
  }
  const size_t ended_before = out.size();
  AppendLog log(
      journal, [](std::string_view line) { return Json::parse(line, nullptr, false).is_object(); });
  const auto run_one = [&](Trial& trial) {
    append(log, row_of(trial, settings, "running"));
    std::optional<double> objective = run(trial);
    if (objective && !std::isfinite(*objective)) {
      log_warn("trial {}: its objective is {}, which counts as a failure", trial.number,
               *objective);
      objective.reset();
    }
    Json row = row_of(trial, settings, objective ? "complete" : "failed");
    if (objective) row["objective"] = *objective;
    append(log, row);
    tell(plugin, trial, objective);
  };
  while (static_cast<int64_t>(out.size()) < settings.trials && ask()) run_one(out.back());
  // After the new ones, which are then asked for in the state that they were asked for in before an
  // interruption.
  for (size_t i = 0; i < ended_before; ++i)
    if (out[i].state == SLW_TRIAL_FAILED) run_one(out[i]);
  return out;
}

}  // namespace slipway
