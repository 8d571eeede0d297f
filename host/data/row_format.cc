// Rows of JSON, text and tab-separated lines.
#include "data/row_format.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace slipway {
namespace {

std::string field(const Json& row, const char* name, const std::string& where) {
  const Json& value = row.at(name);
  if (!value.is_string()) fail("{}: \"{}\" is {}, text is needed", where, name, value.type_name());
  return value.get<std::string>();
}

std::string column_of(const std::string& line, int64_t column, const std::string& where) {
  size_t at = 0;
  for (int64_t c = 1; c < column; ++c) {
    at = line.find('\t', at);
    if (at == std::string::npos) fail("{}: has {} tab-separated columns, data.text_column is {}", where, c, column);
    ++at;
  }
  return line.substr(at, std::min(line.find('\t', at), line.size()) - at);
}

}  // namespace

RowFormat row_format(const fs::path& file, const DatasetOptions& options) {
  const std::string &format = options.format, extension = file.extension().string();
  if (format == "lmflow" || (format == "auto" && extension == ".json")) return RowFormat::kOneValue;
  if (format == "jsonl" || (format == "auto" && extension == ".jsonl")) return RowFormat::kJsonLines;
  return format == "tsv" || (format == "auto" && extension == ".tsv") ? RowFormat::kTabs : RowFormat::kText;
}

std::vector<fs::path> files_in(const std::vector<fs::path>& paths) {
  std::vector<fs::path> out;
  for (const fs::path& path : paths) {
    if (!fs::is_directory(path)) {
      out.push_back(path);
      continue;
    }
    std::vector<fs::path> inside;
    for (const auto& entry : fs::directory_iterator(path))
      if (entry.path().extension() == ".json" || entry.path().extension() == ".jsonl") inside.push_back(entry.path());
    if (inside.empty()) fail("{}: the folder holds no .json or .jsonl file", path.string());
    std::ranges::sort(inside);
    out.insert(out.end(), inside.begin(), inside.end());
  }
  return out;
}

Row row_of(const Json& json, const std::string& where) {
  if (!json.is_object()) fail("{}: a row must be a JSON object like {{\"prompt\": \"...\"}}", where);
  Row row;
  row.where = where;
  if (json.contains("messages")) fail("{}: conversations (\"messages\") are not supported yet; write prompt and completion", where);
  const bool lmflow = json.contains("input");
  const char* prompt = lmflow ? "input" : "prompt";
  const char* completion = lmflow ? "output" : "completion";
  if (json.contains(prompt)) {
    row.prompt = field(json, prompt, where);
    if (json.contains(completion)) row.completion = field(json, completion, where);
  } else if (json.contains("text")) {
    row.completion = field(json, "text", where);
  } else {
    const std::vector<std::string> known = {"prompt", "completion", "text", "input", "output"};
    std::string guess;
    for (const auto& [name, value] : json.items())
      if (guess.empty()) guess = did_you_mean(name, known);
    fail("{}: no \"prompt\", \"text\" or \"input\" in the row{}", where, guess);
  }
  for (const auto& [name, value] : json.items())
    if (name != prompt && name != completion && name != "text") row.columns[name] = value;
  return row;
}

std::optional<Row> row_of_line(std::string line, const fs::path& file, int number, RowFormat format, const DatasetOptions& options) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  if (line.empty()) return std::nullopt;
  const std::string where = fmt::format("{}:{}", file.string(), number);
  if (format == RowFormat::kJsonLines) return row_of(parse_json(line, file.string(), number), where);
  return Row{"", format == RowFormat::kTabs ? column_of(line, options.text_column, where) : line, {}, where};
}

bool split_words(Row& row, int64_t words) {
  const std::string text = row.prompt + row.completion;
  size_t at = 0;
  for (int64_t w = 0; w < words; ++w) {
    at = text.find_first_not_of(' ', at);
    if (at == std::string::npos) return false;
    at = text.find(' ', at);
    if (at == std::string::npos) return false;
  }
  row.prompt = text.substr(0, at);
  row.completion = text.substr(at);
  return true;
}

}  // namespace slipway
