// Reading a run's data.
#include "api/rows.h"

#include "config/schema.h"

namespace slipway {

namespace {

DatasetOptions dataset_options(const RunConfig& c) {
  return {c.text("data", "format"), c.integer("data", "text_column"), c.integer("data", "prompt_words"), c.integer("data", "limit")};
}

}  // namespace

RowStream stream_rows(const RunConfig& c) { return RowStream(c.train_files, dataset_options(c)); }

Rows read_rows(const RunConfig& c) {
  const DatasetOptions options = dataset_options(c);
  Rows out;
  if (c.flag("data", "streaming")) (void)stream_rows(c);  // files that cannot be streamed are refused now
  else out.train = read_dataset(c.train_files, options);
  if (!c.eval_files.empty()) out.eval = read_dataset(c.eval_files, options);
  const auto aside = static_cast<size_t>(c.integer("data", "eval_rows"));
  if (aside == 0) return out;
  if (aside >= out.train.size())
    throw ConfigError({fmt::format("{}: data.eval_rows = {}, but there are only {} rows", c.get("data", "eval_rows").where.text(), aside, out.train.size())});
  std::vector<Row> rest;
  const size_t n = out.train.size();
  for (size_t i = 0, next = 0; i < n; ++i) {
    const bool taken = next < aside && i == next * n / aside;
    next += taken ? 1 : 0;
    (taken ? out.eval : rest).push_back(std::move(out.train[i]));
  }
  out.train = std::move(rest);
  return out;
}

}  // namespace slipway
