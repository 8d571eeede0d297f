// Datasets as a whole.
#include "data/dataset.h"

#include <algorithm>

#include "base/error.h"
#include "data/data_files.h"
#include "data/file_content.h"
#include "data/row_columns.h"
#include "data/row_format.h"
#include "data/row_json.h"

namespace slipway {
namespace {

constexpr std::string_view kBlank = " \t\r\n\xEF\xBB\xBF";

// The rows of a file that is one JSON value: a list of them, or LMFlow's object.
const Json& rows_of(const Json& json, const fs::path& file, const char*& unit) {
  unit = "row";
  if (json.is_array()) return json;
  if (!json.is_object() || !json.contains("type") || !json.at("type").is_string())
    fail(
        "{}: is neither a list of rows nor LMFlow's {{\"type\": ..., \"instances\": [...]}}; one "
        "row alone is written as a list of one",
        file.string());
  const std::string type = json.at("type").get<std::string>();
  if (type != "text_only" && type != "text2text" && type != "conversation")
    fail("{}: LMFlow type {} is not supported (text_only, text2text and conversation are)",
         file.string(), shown(type));
  if (!json.contains("instances") || !json["instances"].is_array())
    fail("{}: has no \"instances\"", file.string());
  unit = "instance";
  return json["instances"];
}

// JSON Lines has a first line that is an object, and more after it.
bool is_json_lines(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank),
               end = begin == std::string_view::npos ? begin : text.find('\n', begin);
  return end != std::string_view::npos &&
         text.find_first_not_of(kBlank, end) != std::string_view::npos &&
         is_json_object(text.substr(0, end));
}

void read_one_value(const fs::path& file, const std::string& text, const DatasetOptions& options,
                    std::vector<Row>& rows) {
  if (is_json_lines(text))
    fail(
        "{}: holds JSON Lines, one object a line, and not one JSON value; set data.format = "
        "\"jsonl\", or name it .jsonl",
        file.string());
  const Json json = parse_row_json(text, file.string());
  const char* unit = nullptr;
  size_t index = 0;
  for (const Json& row : rows_of(json, file, unit))
    rows.push_back(
        row_of(row, fmt::format("{}: {} {}", file.string(), unit, index++), options.columns));
}

void read_file_rows(const fs::path& file, const DatasetOptions& options, std::vector<Row>& rows,
                    Json* read) {
  const RowFormat format = row_format(file, options);
  const std::string text = read_file(file);
  if (text.find_first_not_of(kBlank) == std::string::npos)
    fail("{}: the file is empty", file.string());
  check_first_bytes(file, std::string_view(text).substr(0, kFirstBytes));
  if (read != nullptr) read->push_back(data_file(file, text));
  if (format == RowFormat::kOneValue) return read_one_value(file, text, options, rows);
  int number = 1;
  for (size_t at = 0; at < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (std::optional<Row> row =
            row_of_line(text.substr(at, end - at), file, number, format, options))
      rows.push_back(std::move(*row));
    at = end + 1;
  }
}

}  // namespace

std::vector<Row> read_dataset(const std::vector<fs::path>& files, const DatasetOptions& options,
                              Json* read) {
  std::vector<Row> rows;
  for (const fs::path& file : files_in(files, options)) read_file_rows(file, options, rows, read);
  if (options.prompt_words > 0)
    std::erase_if(rows, [&](Row& row) { return !split_words(row, options.prompt_words); });
  if (options.limit > 0 && rows.size() > static_cast<size_t>(options.limit))
    rows.resize(static_cast<size_t>(options.limit));
  if (rows.empty())
    fail("{}: no rows are left{}", files.empty() ? "data.train" : files[0].string(),
         options.prompt_words > 0 ? "; are all texts shorter than data.prompt_words?" : "");
  return rows;
}

}  // namespace slipway
