// Reading a run's data.
#include "api/rows.h"

#include "config/schema.h"
#include "loop/examples.h"

namespace slipway {

namespace {

DatasetOptions dataset_options(const RunConfig& c) {
  return {c.text("data", "format"), c.integer("data", "text_column"), c.integer("data", "prompt_words"), c.integer("data", "limit")};
}

std::vector<EvalRows> read_sets(const RunConfig& c) {
  std::vector<EvalRows> out;
  for (const EvalFiles& set : c.eval_sets) out.push_back({set.name, read_dataset(set.files, dataset_options(c))});
  return out;
}

}  // namespace

RowStream stream_rows(const RunConfig& c) { return RowStream(c.train_files, dataset_options(c)); }

Rows read_rows(const RunConfig& c) {
  Rows out;
  if (c.flag("data", "streaming")) (void)stream_rows(c);  // files that cannot be streamed are refused now
  else out.train = read_dataset(c.train_files, dataset_options(c));
  out.eval = read_sets(c);
  const auto aside = static_cast<size_t>(c.integer("data", "eval_rows"));
  if (aside == 0) return out;
  if (aside >= out.train.size())
    throw ConfigError({fmt::format("{}: data.eval_rows = {}, but there are only {} rows", c.get("data", "eval_rows").where.text(), aside, out.train.size())});
  if (out.eval.empty()) out.eval.emplace_back();
  std::vector<Row> rest;
  const size_t n = out.train.size();
  for (size_t i = 0, next = 0; i < n; ++i) {
    const bool taken = next < aside && i == next * n / aside;
    next += taken ? 1 : 0;
    (taken ? out.eval[0].rows : rest).push_back(std::move(out.train[i]));
  }
  out.train = std::move(rest);
  return out;
}

std::vector<EvalRows> read_eval_rows(const RunConfig& c) { return c.integer("data", "eval_rows") > 0 ? read_rows(c).eval : read_sets(c); }

std::optional<ColumnTypes> column_types(const RunConfig& c, const Rows& rows) {
  if (c.flag("data", "streaming")) return std::nullopt;
  ColumnTypes out;
  for (const Row& row : rows.train) out.see(row.columns);
  for (const EvalRows& set : rows.eval)
    for (const Row& row : set.rows) out.see(row.columns);
  return out;
}

std::vector<EvaluationSet> evaluation_sets(const std::vector<EvalRows>& rows, const RunConfig& c, const Tokenizer& tokenizer) {
  std::vector<EvaluationSet> out;
  for (const EvalRows& set : rows) out.push_back({set.name, examples_of(set.rows, c, tokenizer)});
  return out;
}

}  // namespace slipway
