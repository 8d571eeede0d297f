// The recorded configuration.
#include "api/recorded_config.h"

#include <algorithm>

#include "api/machine.h"
#include "base/usable_cores.h"
#include "base/error.h"
#include "base/log.h"
#include "config/schema.h"
#include "config/toml.h"
#include "record/recorded_values.h"

namespace slipway {
namespace {

constexpr const char *kHistory = "# resumed from ", *kBegun = "# begun with ";

// What does not touch the result, or does so by other keys alone (config/sharding_words.h).
bool is_beside_the_point(const std::string& key) {
  constexpr const char* kKeys[] = {"run.output_dir", "train.run_name", "train.save_total_limit",
                                   "train.max_shard_size"};
  constexpr std::string_view kBeginnings[] = {"plugins.path", "logger[", "train.deepspeed",
                                              "train.fsdp", "train.accelerator_config"};
  return std::ranges::find(kKeys, key) != std::end(kKeys) ||
         std::ranges::any_of(kBeginnings,
                             [&](std::string_view each) { return key.starts_with(each); });
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

bool is_same(const Value& a, const Value& b) {
  if (a.kind == Value::Kind::kArray && b.kind == Value::Kind::kArray)
    return std::ranges::equal(a.items, b.items,
                              [](const Value& x, const Value& y) { return is_same(x, y); });
  if (a.toml() == b.toml()) return true;
  // two names of one file, or of one that is gone: only the first is known to be the same
  std::error_code ec;
  return a.kind == Value::Kind::kString && b.kind == Value::Kind::kString && a.s.starts_with('/') &&
         b.s.starts_with('/') && fs::equivalent(a.s, b.s, ec);
}

// A key that an earlier version did not know had its default then.
bool is_default(const std::string& key, const Value& value) {
  for (const Key& each : run_schema())
    if (key == fmt::format("{}.{}", each.section, each.name))
      return each.fallback != nullptr && is_same(parse_toml_value(each.fallback, key), value);
  return false;
}

// The changes of earlier resumptions.
std::vector<std::string> history_in(const std::string& text) {
  std::vector<std::string> out;
  for (const std::string& line : lines_of(text))
    if (line.starts_with(kHistory) || line.starts_with(kBegun)) out.push_back(line);
  return out;
}

// "AMD EPYC 7B13, 2 cores", and where the run computes on a GPU which one.
std::string this_machine(const std::string& device) {
  const Json gpu = device == "cpu" ? Json() : gpu_name();
  const int64_t cores = usable_cores();
  return fmt::format("{}, {} core{}{}", cpu_name(), cores, cores == 1 ? "" : "s",
                     gpu.is_string() ? ", " + gpu.get<std::string>() : "");
}

void add_plugin(std::string& out, const char* kind, const Registry::Found& found) {
  out += fmt::format("# {} plugin {} {} sha256 {}\n", kind, found.descriptor->id,
                     found.descriptor->version, sha256_of_file(found.library->path()));
}

}  // namespace

std::string resolved_text(const RunConfig& config, const Plan& plan, const Registry::Found& model,
                          const std::vector<std::string>& history) {
  std::string out =
      fmt::format("# What ran. Reads back as a run file.\n# slipway " SLIPWAY_VERSION "\n{}{}\n",
                  kMachineLine, this_machine(config.text("train", "device")));
  const auto add = [&](const char* kind, const std::vector<PlannedUse>& uses) {
    for (const PlannedUse& use : uses) add_plugin(out, kind, *use.found);
  };
  add_plugin(out, "model", model);
  add("reward", plan.rewards);
  add("metric", plan.metrics);
  add("callback", plan.callbacks);
  add("logger", plan.loggers);
  add("loss", plan.loss);
  for (const std::string& line : history) out += line + "\n";
  return out + "\n" + print_config(config);
}

std::vector<std::string> differences(const std::string& recorded, const std::string& now) {
  std::vector<std::string> out;
  const RecordedValues before = recorded_values(recorded, "recorded"),
                       after = recorded_values(now, "now");
  for (const auto& [key, value] : after) {
    const auto old = before.find(key);
    if (is_beside_the_point(key) ||
        (old == before.end() ? is_default(key, value) : is_same(old->second, value)))
      continue;
    out.push_back(fmt::format("{} was {}, is {}", key,
                              old == before.end() ? "not set" : recorded_text(old->second),
                              recorded_text(value)));
  }
  for (const auto& [key, value] : before)
    if (!is_beside_the_point(key) && !after.contains(key))
      out.push_back(fmt::format("{} was {}, is not set", key, recorded_text(value)));
  const auto then = recorded_programs(recorded);
  for (const auto& [name, version] : recorded_programs(now))
    if (const auto old = then.find(name); old != then.end() && old->second != version)
      out.push_back(fmt::format("{} was {}, is {}", name, old->second, version));
  return out;
}

void record_config(const fs::path& file, const RunConfig& config, const Plan& plan,
                   const Registry::Found& model, const RecordedStart& start) {
  std::vector<std::string> history;
  if (!start.begun_with.empty()) history.push_back(std::string(kBegun) + start.begun_with.string());
  std::error_code ec;
  if (!start.resumed_from.empty() && fs::exists(file, ec)) {
    const std::string recorded = read_file(file);
    history = history_in(recorded);
    std::vector<std::string> found;
    try {
      found = differences(recorded, resolved_text(config, plan, model, history));
      if (found.empty()) return;
    } catch (const Error& e) {
      log_warn("{}: cannot be compared with what runs now, and is written anew: {}", file.string(),
               e.what());
    }
    std::string all;
    for (const std::string& each : found) {
      all += (all.empty() ? "" : "; ") + each;
      history.push_back(
          fmt::format("{}{}: {}", kHistory, start.resumed_from.filename().string(), each));
    }
    if (!all.empty())
      log_warn(
          "the configuration differs from the one this run began with: {}. The result will not "
          "equal an uninterrupted run's",
          all);
  }
  write_file_durably(file, resolved_text(config, plan, model, history));
}

}  // namespace slipway
