// How rows are written in files, row by row: what reading a whole file and streaming it have in common.
#pragma once
#include "data/dataset.h"

namespace slipway {

enum class RowFormat {
  kJsonLines,
  kText,       // a line is a row
  kTabs,       // a column of a line is
  kOneValue,   // the file is one JSON value that holds the rows
};
RowFormat row_format(const fs::path& file, const DatasetOptions& options);

// Files, those in folders too. Throws Error where a folder holds none.
std::vector<fs::path> files_in(const std::vector<fs::path>& paths);

// `where` is for messages. Throws Error.
Row row_of(const Json& json, const std::string& where);

// The row that line `number` of `file` is; nothing when it is blank. Not for kOneValue. Throws Error "file:line: ...".
std::optional<Row> row_of_line(std::string line, const fs::path& file, int number, RowFormat format, const DatasetOptions& options);

// Makes the first `words` words the prompt; false when there is nothing after them.
bool split_words(Row& row, int64_t words);

}  // namespace slipway
