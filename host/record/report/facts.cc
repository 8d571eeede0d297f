// Facts about a run.
#include "record/report/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "record/report/text.h"

namespace slipway::report {
namespace {

constexpr size_t kMostFiles = 3;  // named one by one

std::string recorded_text(const RecordedValues& values, const std::string& key) {
  const auto at = values.find(key);
  return at == values.end() ? "" : value_text(at->second);
}

std::string file_name(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  const std::string whole = path.substr(0, end == std::string::npos ? 0 : end + 1);
  return whole.substr(whole.rfind('/') + 1);
}

// "a.jsonl, b.jsonl, c.jsonl and 2 more".
std::string file_names(const RecordedValues& values, const std::string& key) {
  const auto at = values.find(key);
  if (at == values.end()) return "";
  if (at->second.kind != Value::Kind::kArray) return file_name(value_text(at->second));
  const std::vector<Value>& files = at->second.items;
  std::string out;
  for (size_t i = 0; i < std::min(files.size(), kMostFiles); ++i)
    out += (i == 0 ? "" : ", ") + file_name(value_text(files[i]));
  if (files.size() > kMostFiles) out += fmt::format(" and {} more", files.size() - kMostFiles);
  return out;
}

std::string model(const RecordedValues& values) {
  const std::string weights = file_name(recorded_text(values, "model.weights")),
                    config = file_name(recorded_text(values, "model.config")),
                    use = recorded_text(values, "model.use");
  std::string out = !weights.empty()  ? weights
                    : !config.empty() ? config + ", from new weights"
                                      : "";
  if (!use.empty() && use != "auto") out += out.empty() ? use : fmt::format(" ({})", use);
  return out;
}

std::string data(const RecordedValues& values) {
  std::string out = file_names(values, "data.train");
  if (out.empty()) return "";
  const std::string held_out = file_names(values, "data.eval"),
                    rows = recorded_text(values, "data.eval_rows");
  if (!held_out.empty()) {
    out += "; held out: " + held_out;
  } else if (!rows.empty() && rows != "0") {
    out += fmt::format("; {} row{} held out", rows, rows == "1" ? "" : "s");
  }
  return out;
}

std::string algorithm(const RecordedValues& values) {
  const std::string name = recorded_text(values, "run.algorithm");
  return name == "raft" ? "RAFT" : name == "sft" ? "SFT" : name;
}

// "sentiment (weight 1), length (weight 0.5)"; of one reward alone a weight of 1 says nothing.
std::string rewards(const RecordedValues& values) {
  const auto use = [&](size_t i) {
    return recorded_text(values, fmt::format("reward[{}].use", i));
  };
  std::string out;
  for (size_t i = 0; !use(i).empty(); ++i) {
    const std::string given = recorded_text(values, fmt::format("reward[{}].weight", i)),
                      weight = given.empty() ? "1" : given;
    out += (i == 0 ? "" : ", ") + use(i);
    if (weight != "1" || i > 0 || !use(1).empty()) out += fmt::format(" (weight {})", weight);
  }
  return out;
}

// "cpu: AMD EPYC 7B13, 2 cores".
std::string computer(const Record& record) {
  const std::string device = recorded_text(record.values, "train.device"),
                    machine = clean_text(recorded_machine(record.config));
  return device + (device.empty() || machine.empty() ? "" : ": ") + machine;
}

std::string programs(const Record& record) {
  std::string out;
  for (const auto& [program, version] : recorded_programs(record.config)) {
    const std::string text = program_text(program, version);
    // the program itself comes first
    out = program == "slipway" ? text + (out.empty() ? "" : ", ") + out
                               : out + (out.empty() ? "" : ", ") + text;
  }
  return out;
}

}  // namespace

std::string value_text(const Value& value) {
  std::string out = value.kind == Value::Kind::kString ? value.s : recorded_text(value);
  std::erase(out, '\x01');  // stands behind the $ of ${NAME}
  return clean_text(out);
}

std::string program_text(const std::string& program, const std::string& version) {
  if (program == "slipway") return "Slipway " + version;
  std::string id = program.substr(program.rfind(' ') + 1);
  if (id.starts_with("org.slipway.")) id = id.substr(id.rfind('.') + 1);
  return id + " " + version.substr(0, version.find(' '));
}

std::string facts_list(const Record& record) {
  const RecordedValues& values = record.values;
  const std::pair<const char*, std::string> facts[] = {
      {"Model", model(values)},
      {"Data", data(values)},
      {"Algorithm", algorithm(values)},
      {"Rewards", rewards(values)},
      {"Seed", recorded_text(values, "train.seed")},
      {"Began", date_text(record.first_time)},
      {"Took", record.seconds > 0 ? duration_text(record.seconds) : ""},
      {"Computed on", computer(record)},
      {"Versions", programs(record)}};
  std::string out;
  for (const auto& [name, value] : facts)
    if (!value.empty())
      out += fmt::format("<div><dt>{}</dt> <dd>{}</dd></div>\n", name, escape(value));
  return out.empty() ? "" : "<dl class=\"facts\">\n" + out + "</dl>\n";
}

}  // namespace slipway::report
