// Datasets as a whole.
#include "data/dataset.h"

#include <algorithm>

#include "base/error.h"
#include "data/row_format.h"

namespace slipway {
namespace {

void read_lmflow(const fs::path& file, const Json& json, std::vector<Row>& rows) {
  const std::string type = json.value("type", "");
  if (type != "text_only" && type != "text2text")
    fail("{}: LMFlow type \"{}\" is not supported (text_only and text2text are)", file.string(), type);
  if (!json.contains("instances") || !json["instances"].is_array()) fail("{}: has no \"instances\"", file.string());
  size_t index = 0;
  for (const Json& instance : json["instances"]) rows.push_back(row_of(instance, fmt::format("{}: instance {}", file.string(), index++)));
}

void read_file_rows(const fs::path& file, const DatasetOptions& options, std::vector<Row>& rows) {
  const std::string text = read_file(file);
  if (text.find_first_not_of(" \t\r\n\xEF\xBB\xBF") == std::string::npos) fail("{}: the file is empty", file.string());
  const RowFormat format = row_format(file, options);
  if (format == RowFormat::kOneValue) {
    const Json json = parse_json(text, file.string());
    if (!json.is_array()) return read_lmflow(file, json, rows);
    size_t index = 0;
    for (const Json& row : json) rows.push_back(row_of(row, fmt::format("{}: row {}", file.string(), index++)));
    return;
  }
  int number = 1;
  for (size_t at = 0; at < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (std::optional<Row> row = row_of_line(text.substr(at, end - at), file, number, format, options)) rows.push_back(std::move(*row));
    at = end + 1;
  }
}

}  // namespace

std::vector<Row> read_dataset(const std::vector<fs::path>& files, const DatasetOptions& options) {
  std::vector<Row> rows;
  for (const fs::path& file : files_in(files)) read_file_rows(file, options, rows);
  if (options.prompt_words > 0) std::erase_if(rows, [&](Row& row) { return !split_words(row, options.prompt_words); });
  if (options.limit > 0 && rows.size() > static_cast<size_t>(options.limit)) rows.resize(static_cast<size_t>(options.limit));
  if (rows.empty()) fail("{}: no rows are left{}", files.empty() ? "data.train" : files[0].string(),
                         options.prompt_words > 0 ? "; are all texts shorter than data.prompt_words?" : "");
  return rows;
}

}  // namespace slipway
