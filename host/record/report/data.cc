// Reading a run folder for the report: a torn or foreign line costs that line, never the page.
#include "record/report/data.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "base/error.h"
#include "base/place.h"

namespace slipway::report {
namespace {

constexpr double kLargest = 1e30;

// Bytes of the valid UTF-8 sequence that `text` starts with, and its code point; 0 when it starts
// with none.
size_t decode(std::string_view text, uint32_t& point) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const uint32_t lead = byte(0);
  point = lead;
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  point = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    point = point << 6 | (byte(i) & 0x3F);
  }
  const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xD800 && point < 0xE000;
  return point < least[length] || point > 0x10FFFF || surrogate ? 0 : length;
}

bool shown(uint32_t point) {
  if (point < 0x20) return point == '\t' || point == '\n';
  return !(point >= 0x7F && point < 0xA0) && (point & 0xFFFE) != 0xFFFE;
}

// Python writes NaN and Infinity, which are no JSON: outside of strings they become null.
std::string without_bare_nan(std::string_view line) {
  std::string out;
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const std::string_view rest = line.substr(i);
    if (line[i] == '"') quoted = !quoted;
    size_t word = 0;
    for (const std::string_view name : {"NaN", "Infinity", "-Infinity", "-NaN"})
      if (!quoted && rest.starts_with(name)) word = name.size();
    if (word > 0) {
      out += "null";
      i += word - 1;
      continue;
    }
    out += line[i];
    if (quoted && line[i] == '\\' && i + 1 < line.size()) out += line[++i];
  }
  return out;
}

Json parse_line(std::string_view line) {
  Json row = Json::parse(line.begin(), line.end(), nullptr, false);
  if (row.is_discarded()) row = Json::parse(without_bare_nan(clean_text(line)), nullptr, false);
  return row;
}

}  // namespace

size_t each_row(const std::string& text, const std::function<void(const Json&)>& use) {
  size_t unreadable = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const Json row = parse_line(line);
    if (row.is_object()) {
      use(row);
    } else if (end < text.size()) {
      ++unreadable;
    }
  }
  return unreadable;
}

double number_at(const Json& row, const char* key) {
  const auto at = row.find(key);
  if (at == row.end() || !at->is_number()) return kMissing;
  const double value = at->get<double>();
  return std::abs(value) <= kLargest ? value : kMissing;
}

std::string text_at(const Json& row, const char* key) {
  const auto at = row.find(key);
  return at != row.end() && at->is_string() ? clean_text(at->get_ref<const std::string&>())
                                            : std::string();
}

namespace {

void append(Table& table, const Json& row) {
  for (const auto& [key, value] : row.items()) {
    if (!value.is_number()) continue;
    std::vector<double>& column = table.columns[clean_text(key)];
    column.resize(table.rows, kMissing);
    const double x = value.get<double>();
    column.push_back(std::abs(x) <= kLargest ? x : kMissing);
  }
  ++table.rows;
}

void read_metrics(const std::string& text, Record& record) {
  double session = kMissing;
  record.unreadable = each_row(text, [&](const Json& row) {
    const std::string event = text_at(row, "event");
    if (event == "iteration") append(record.iterations, row);
    if (event == "evaluate") append(record.evaluations, row);
    if (event.empty()) append(record.steps, row);
    if (event == "rollback") record.kept_iteration = number_at(row, "to_iteration");
    // Rows after an end were written by a run that was resumed: it has not ended.
    record.outcome = event == "end" ? text_at(row, "outcome") : "";
    if (event == "end" && record.outcome.empty()) record.outcome = "ended";
    session = event == "end" ? number_at(row, "seconds") : kMissing;
    const double time = number_at(row, "time");
    if (std::isnan(time)) return;
    if (std::isnan(record.first_time)) record.first_time = time;
    record.last_time = time;
  });
  for (Table* table : {&record.steps, &record.iterations, &record.evaluations})
    for (auto& [key, column] : table->columns) column.resize(table->rows, kMissing);
  record.seconds = std::isnan(session) ? record.last_time - record.first_time : session;
}

// A page without a part is better than no page: what cannot be read counts as empty.
std::string read_if_there(const fs::path& file) {
  std::error_code ec;
  if (!fs::is_regular_file(file, ec)) return "";
  try {
    return read_file(file);
  } catch (const Error&) {
    return "";
  }
}

std::vector<Sample> read_samples(const fs::path& file) {
  std::vector<Sample> out;
  each_row(read_if_there(file), [&](const Json& row) {
    out.push_back({text_at(row, "prompt"), text_at(row, "completion"), number_at(row, "reward")});
  });
  return out;
}

// Numbers of the files samples/<kind>-<number>.jsonl, ascending.
std::vector<int> sample_files(const fs::path& samples, const std::string& kind) {
  std::vector<int> out;
  std::error_code ec;
  for (fs::directory_iterator at(samples, ec), end; !ec && at != end; at.increment(ec)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(kind + "-") || at->path().extension() != ".jsonl") continue;
    const std::string digits = at->path().stem().string().substr(kind.size() + 1);
    int value = -1;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error == std::errc() && stop == digits.data() + digits.size() && value >= 0)
      out.push_back(value);
  }
  std::sort(out.begin(), out.end());
  return out;
}

fs::path sample_file(const fs::path& samples, const std::string& kind, int iteration) {
  return samples / fmt::format("{}-{:04}.jsonl", kind, iteration);
}

void read_training_samples(const fs::path& samples, Record& record) {
  const std::vector<int> files = sample_files(samples, "iteration");
  if (files.empty()) return;
  const auto rewards = [&](int iteration) {
    std::vector<double> out;
    for (const Sample& sample : read_samples(sample_file(samples, "iteration", iteration)))
      if (!std::isnan(sample.reward)) out.push_back(sample.reward);
    return out;
  };
  record.first_iteration = files.front();
  record.last_iteration = files.back();
  record.first_rewards = rewards(files.front());
  if (files.size() > 1) record.last_rewards = rewards(files.back());
}

void read_pairs(const fs::path& samples, Record& record) {
  std::vector<int> files = sample_files(samples, "eval");
  // NaN keeps them all
  while (files.size() > 1 && files.back() > record.kept_iteration) files.pop_back();
  if (files.empty()) return;
  record.before_iteration = files.front();
  const std::vector<Sample> before = read_samples(sample_file(samples, "eval", files.front()));
  record.held_out_prompts = before.size();
  if (files.size() < 2) return;
  record.after_iteration = files.back();
  const std::vector<Sample> after = read_samples(sample_file(samples, "eval", files.back()));
  for (size_t i = 0; i < std::min(before.size(), after.size()); ++i)
    if (before[i].prompt == after[i].prompt && !std::isnan(after[i].reward - before[i].reward))
      record.pairs.push_back({before[i], after[i]});
}

// What a run says by itself of one example is its "logprobs"; tokens that are not the label's have
// none.
double mean_logprob(const Json& row) {
  const auto at = row.find("logprobs");
  if (at == row.end() || !at->is_array()) return kMissing;
  double sum = 0, count = 0;
  for (const Json& each : *at)
    if (each.is_number()) sum += each.get<double>(), ++count;
  return count > 0 && std::abs(sum) <= kLargest ? sum / count : kMissing;
}

void read_predictions(const fs::path& file, Record& record) {
  constexpr size_t kMostFileBytes = 16u
                                    << 20;  // of a file that may be as long as the held-out data
  std::error_code ec;
  if (!fs::is_regular_file(file, ec)) return;
  std::ifstream in(file, std::ios::binary);
  std::string text(kMostFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  record.more_predictions = text.size() > kMostFileBytes;
  each_row(text, [&](const Json& row) {
    Prediction each{text_at(row, "prompt"), text_at(row, "label"), text_at(row, "prediction"),
                    mean_logprob(row)};
    if (!each.prediction.empty()) record.predictions.push_back(std::move(each));
  });
}

RecordedValues values_in(const std::string& config) {
  try {
    return recorded_values(config, "config.resolved.toml");
  } catch (const Error&) {  // damaged, or another program's
    return {};
  }
}

}  // namespace

const std::vector<double>& Table::column(const std::string& key) const {
  static const std::vector<double> none;
  const auto at = columns.find(key);
  return at == columns.end() ? none : at->second;
}

bool Table::has(const std::string& key) const { return !std::isnan(first(key)); }

double Table::first(const std::string& key) const {
  for (const double value : column(key))
    if (!std::isnan(value)) return value;
  return kMissing;
}

double Table::last(const std::string& key) const {
  const std::vector<double>& values = column(key);
  for (size_t i = values.size(); i > 0; --i)
    if (!std::isnan(values[i - 1])) return values[i - 1];
  return kMissing;
}

std::string clean_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    uint32_t point = 0;
    const size_t length = decode(text, point);
    if (length > 0 && shown(point)) {
      out += text.substr(0, length);
    } else if (length == 0 || point != '\r') {
      out += "\xEF\xBF\xBD";
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

Record read_rows(const fs::path& run_dir) {
  const fs::path metrics = run_dir / "metrics.jsonl";
  std::error_code ec;
  if (!fs::is_regular_file(metrics, ec))
    fail("{}: no metrics.jsonl there, so no run to report on; give the output_dir of a run",
         run_dir.string());
  Record record;
  record.name =
      clean_text(without_slash(fs::absolute(run_dir, ec).lexically_normal()).filename().string());
  read_metrics(read_file(metrics), record);
  record.config = clean_text(read_if_there(run_dir / "config.resolved.toml"));
  record.values = values_in(record.config);
  return record;
}

Record read_record(const fs::path& run_dir) {
  Record record = read_rows(run_dir);
  read_training_samples(run_dir / "samples", record);
  read_pairs(run_dir / "samples", record);
  read_predictions(run_dir / "predictions.jsonl", record);
  return record;
}

int final_evaluation(const Record& record) {
  const std::vector<double>& iteration = record.evaluations.column("iteration");
  int at = static_cast<int>(record.evaluations.rows) - 1;
  if (std::isnan(record.kept_iteration)) return at;
  while (at > 0 && iteration.size() == record.evaluations.rows &&
         iteration[static_cast<size_t>(at)] > record.kept_iteration)
    --at;
  return at;
}

double final_value(const Record& record, const std::string& key) {
  const int row = final_evaluation(record);
  const std::vector<double>& column = record.evaluations.column(key);
  return row >= 0 && static_cast<size_t>(row) < column.size() ? column[static_cast<size_t>(row)]
                                                              : kMissing;
}

}  // namespace slipway::report
