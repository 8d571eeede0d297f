// File by file.
#include "api/check_data.h"

#include <algorithm>
#include <set>

#include "api/dataset_options.h"
#include "base/error.h"
#include "config/schema.h"
#include "data/row_columns.h"
#include "data/row_format.h"
#include "data/row_stream.h"

namespace slipway {
namespace {

DatasetOptions all_rows(DatasetOptions options) {
  options.limit = 0;
  return options;
}

class DataCheck {
 public:
  explicit DataCheck(const FaultyRun& run)
      : trained_(run.usable("run", "algorithm") && !run.config.raft),
        options_(all_rows(dataset_options(run.config))) {}

  // Rows of all files that can be read; those of a file with a fault do not count.
  int64_t check(const std::vector<fs::path>& files, bool streamed) {
    int64_t rows = 0;
    for (const fs::path& path : files) {
      if (path.empty()) {  // not there
        uncounted = true;
        continue;
      }
      keep_faults(faults, [&] {
        for (const fs::path& file : files_in({path}, options_)) {
          // a pipe can be read once, by the run
          if (!fs::is_regular_file(file)) uncounted = true;
          else keep_faults(faults, [&] { rows += streamed ? stream(file) : read(file); });
        }
      });
    }
    return rows;
  }

  std::vector<std::string> faults;
  bool uncounted = false;  // there is a file that was not read

 private:
  int64_t read(const fs::path& file) {
    // a text that is shorter than data.prompt_words is no fault of its file
    DatasetOptions whole = options_;
    whole.prompt_words = 0;
    int64_t rows = 0;
    for (Row& row : read_dataset({file}, whole)) {
      if (options_.prompt_words > 0 && !split_words(row, options_.prompt_words)) continue;
      look_at(row);
      ++rows;
    }
    return rows;
  }

  int64_t stream(const fs::path& file) {
    RowStream rows({file}, options_);
    int64_t read = 0;
    for (std::optional<Row> row; read < kStreamedRows && (row = rows.next()); ++read) look_at(*row);
    return read;
  }

  // What sft says of a row before it makes tokens of it. Throws Error.
  void look_at(const Row& row) const {
    std::set<std::string> ignored;
    if (trained_) check_trained_row(row, ignored);
  }

  const bool trained_;  // sft trains on the rows themselves
  const DatasetOptions options_;
};

}  // namespace

std::vector<std::string> data_faults(const FaultyRun& run) {
  const RunConfig& c = run.config;
  DataCheck data(run);
  const bool streamed = c.flag("data", "streaming");
  int64_t rows = data.check(c.train_files, streamed);
  const bool uncounted = data.uncounted || c.train_files.empty();
  for (const EvalFiles& set : c.eval_sets) (void)data.check(set.files, false);
  if (!data.faults.empty() || streamed || uncounted) return data.faults;
  if (const int64_t limit = c.integer("data", "limit"); limit > 0) rows = std::min(rows, limit);
  const Value& aside = c.get("data", "eval_rows");
  if (rows == 0)
    data.faults.push_back(
        fmt::format("{}: data.train: no rows are left; are all texts shorter than "
                    "data.prompt_words?",
                    c.get("data", "train").where.text()));
  else if (aside.i > 0 && aside.i >= rows)
    data.faults.push_back(
        fmt::format("{}: data.eval_rows = {} leaves no row to train on: data.train gives {}",
                    aside.where.text(), aside.i, rows));
  return data.faults;
}

}  // namespace slipway
