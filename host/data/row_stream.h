// Rows of files one after the other, as read_dataset() gives them, with one line in memory at a
// time.
#pragma once
#include <fstream>
#include <optional>

#include "base/json.h"
#include "data/row_format.h"

namespace slipway {

class RowStream {
 public:
  // Throws Error on a file that is one JSON value: it cannot be read in parts. Reads samples of
  // each file (data/data_files.h).
  RowStream(const std::vector<fs::path>& files, DatasetOptions options);

  // The next row; nothing at the end of a pass. Throws Error on a malformed row, a file without
  // rows, and a pass without rows.
  std::optional<Row> next();

  void end_pass();  // passes over what is left of it
  void rewind();    // to the first row again

  // Where the next row is looked for, and back there, in this or another process. go_to throws
  // Error when the files are others than they were, as far as names, sizes and samples tell.
  Json place() const;
  void go_to(const Json& place);

 private:
  struct Place {
    size_t file = 0;               // files_.size() = the end
    int64_t offset = 0, rows = 0;  // bytes read of it, rows given in this pass
    int line = 0, rows_of_file = 0;
  };
  bool read_line(std::string& line);

  std::vector<fs::path> files_;
  DatasetOptions options_;
  std::vector<RowFormat> formats_;  // of each file
  Json named_ = Json::array();      // of each file: name, bytes, hash of samples
  Place at_;
  std::ifstream in_;  // of files_[at_.file], once it is read
};

}  // namespace slipway
