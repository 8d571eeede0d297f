// How rows are written in files, row by row: what reading a whole file and streaming it have in
// common.
#pragma once
#include "data/dataset.h"

namespace slipway {

enum class RowFormat {
  kJsonLines,
  kText,      // a line is a row
  kTabs,      // a column of a line is
  kOneValue,  // the file is one JSON value that holds the rows
};
// With format "auto" by the file's name, in capitals or not: .json is one value, .jsonl and .ndjson
// are JSON Lines, .tsv has tabs, and others are text. Throws Error on a name that says that the
// file holds no rows (data/file_content.h).
RowFormat row_format(const fs::path& file, const DatasetOptions& options);

// Files, those in folders too: of a folder the .json, .jsonl and .ndjson files, or with format
// "text" and "tsv" the .txt and .tsv files. Throws Error where a folder holds none; tells the log
// of others that look like data.
std::vector<fs::path> files_in(const std::vector<fs::path>& paths, const DatasetOptions& options);

// The row that line `number` of `file` is; nothing when it is blank. A byte order mark before the
// first line and a carriage return at the end of any are no part of it. Not for kOneValue. Throws
// Error "file:line: ...", also on bytes that are not UTF-8.
std::optional<Row> row_of_line(std::string line, const fs::path& file, int number, RowFormat format,
                               const DatasetOptions& options);

// Makes the first `words` words the prompt; false when there is nothing after them.
bool split_words(Row& row, int64_t words);

}  // namespace slipway
