// Rows of JSON, text and tab-separated lines.
#include "data/row_format.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "data/file_content.h"
#include "data/row_columns.h"
#include "data/row_json.h"
#include "text/unicode.h"

namespace slipway {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string column_of(const std::string& line, int64_t column, const std::string& where) {
  size_t at = 0;
  for (int64_t c = 1; c < column; ++c) {
    at = line.find('\t', at);
    if (at == std::string::npos)
      fail("{}: has {} tab-separated columns, data.text_column is {}", where, c, column);
    ++at;
  }
  return line.substr(at, std::min(line.find('\t', at), line.size()) - at);
}

RowFormat format_of(const fs::path& file, const DatasetOptions& options) {
  const std::string& format = options.format;
  if (format == "lmflow" || format == "json") return RowFormat::kOneValue;
  if (format == "jsonl") return RowFormat::kJsonLines;
  if (format == "tsv") return RowFormat::kTabs;
  if (format == "text") return RowFormat::kText;
  if (const std::string_view fault = fault_of_name(file); !fault.empty())
    fail("{}: {}", file.string(), fault);
  const std::string extension = extension_of(file);
  // Said, for other programs take such a name for plain text.
  const bool known = extension == ".json" || extension == ".jsonl" || extension == ".tsv";
  if (extension == ".ndjson" || (known && extension != file.extension().string()))
    log_warn("{}: is read as {}, by its name; data.format says otherwise", file.string(),
             extension == ".json"  ? "one JSON value"
             : extension == ".tsv" ? "tab-separated text"
                                   : "JSON Lines");
  if (extension == ".json") return RowFormat::kOneValue;
  if (extension == ".jsonl" || extension == ".ndjson") return RowFormat::kJsonLines;
  return extension == ".tsv" ? RowFormat::kTabs : RowFormat::kText;
}

}  // namespace

RowFormat row_format(const fs::path& file, const DatasetOptions& options) {
  const RowFormat found = format_of(file, options);
  if (options.columns.given() && (found == RowFormat::kTabs || found == RowFormat::kText))
    fail(
        "{}: is read as {}, and data.{} names a column of JSON rows; write JSON Lines (a .jsonl "
        "file), "
        "or remove it",
        file.string(), found == RowFormat::kTabs ? "tab-separated text" : "text",
        options.columns.prompt.empty() ? "completion_column" : "prompt_column");
  return found;
}

std::vector<fs::path> files_in(const std::vector<fs::path>& paths, const DatasetOptions& options) {
  const std::vector<std::string> wanted =
      options.format == "text"  ? std::vector<std::string>{".txt"}
      : options.format == "tsv" ? std::vector<std::string>{".tsv"}
                                : std::vector<std::string>{".json", ".jsonl", ".ndjson"};
  std::vector<fs::path> out;
  for (const fs::path& path : paths) {
    std::error_code ec;
    if (!fs::is_directory(path, ec)) {
      out.push_back(path);
      continue;
    }
    std::vector<fs::path> inside, others;
    for (const auto& entry : fs::directory_iterator(path, ec)) {
      const std::string extension = extension_of(entry.path());
      if (std::ranges::find(wanted, extension) != wanted.end()) inside.push_back(entry.path());
      else if (extension == ".tsv" || extension == ".txt" || extension == ".json" ||
               extension == ".jsonl" || extension == ".ndjson" ||
               !fault_of_name(entry.path()).empty())
        others.push_back(entry.path());
    }
    if (ec) fail("{}: {}", path.string(), ec.message());
    std::string names;
    for (const std::string& each : wanted)
      names += (names.empty() ? "" : each == wanted.back() ? " or " : ", ") + each;
    if (inside.empty()) fail("{}: the folder holds no {} file", path.string(), names);
    if (!others.empty())
      log_warn("{}: of a folder the {} files are read: {} of them; not read: {} ({}, ...)",
               path.string(), names, inside.size(), others.size(), others[0].filename().string());
    std::ranges::sort(inside);
    out.insert(out.end(), inside.begin(), inside.end());
  }
  return out;
}

std::optional<Row> row_of_line(std::string line, const fs::path& file, int number, RowFormat format,
                               const DatasetOptions& options) {
  if (number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  if (line.empty()) return std::nullopt;
  const std::string where = fmt::format("{}:{}", file.string(), number);
  if (format == RowFormat::kJsonLines) {
    if (number == 1 && line[0] == '[' ? !Json::accept(line) : line == "{")
      fail(
          "{}: the line is not a JSON object but the beginning of a longer one; a file that is one "
          "JSON value has a name in .json, or data.format = \"json\"",
          where);
    const Json json = parse_row_json(line, file.string(), number);
    if (json.is_array())
      fail(
          "{}: the line is an array, and each line of JSON Lines is one row; a file that is one "
          "array has a name in .json, or data.format = \"json\"",
          where);
    return row_of(json, where, options.columns);
  }
  if (line.find('\0') != std::string::npos)
    fail("{}: holds a NUL byte, which no text has; UTF-8 is needed (iconv -f UTF-16 -t UTF-8)",
         where);
  if (!is_valid_utf8(line))
    fail("{}: is not UTF-8; convert the file (for Latin-1: iconv -f ISO-8859-1 -t UTF-8)", where);
  if (number == 1 && format == RowFormat::kText && options.format == "auto" && is_json_object(line))
    fail(
        "{}: the line is a JSON object; set data.format = \"jsonl\" for JSON Lines, or \"text\" to "
        "train on the lines as they stand",
        where);
  return Row{"",
             format == RowFormat::kTabs ? column_of(line, options.text_column, where) : line,
             {},
             where};
}

bool split_words(Row& row, int64_t words) {
  if (row.kind == Row::Kind::kChat)
    fail("{}: data.prompt_words cuts texts, and the row is a conversation; remove it", row.where);
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
  row.kind = Row::Kind::kAnswered;
  return true;
}

}  // namespace slipway
