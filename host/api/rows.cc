// Reading a run's data.
#include "api/rows.h"

#include "api/dataset_options.h"
#include "config/schema.h"
#include "loop/examples.h"

namespace slipway {

namespace {

std::string eval_key(const std::string& set) {
  return set.empty() ? "data.eval" : "data.eval." + set;
}

std::vector<EvalRows> read_sets(const RunConfig& c, Json& read) {
  std::vector<EvalRows> out;
  for (const EvalFiles& set : c.eval_sets)
    out.push_back({set.name, read_dataset(set.files, dataset_options(c),
                                          &(read[eval_key(set.name)] = Json::array()))});
  return out;
}

}  // namespace

RowStream stream_rows(const RunConfig& c) { return RowStream(c.train_files, dataset_options(c)); }

Rows read_rows(const RunConfig& c) {
  Rows out;
  // files that cannot be streamed are refused now
  if (c.flag("data", "streaming")) (void)stream_rows(c);
  else
    out.train =
        read_dataset(c.train_files, dataset_options(c), &(out.files["data.train"] = Json::array()));
  out.eval = read_sets(c, out.files);
  const auto aside = static_cast<size_t>(c.integer("data", "eval_rows"));
  if (aside == 0) return out;
  if (aside >= out.train.size())
    throw ConfigError(
        {fmt::format("{}: data.eval_rows = {} leaves no row to train on: data.train gives {}",
                     c.get("data", "eval_rows").where.text(), aside, out.train.size())});
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

Rows read_eval_rows(const RunConfig& c) {
  Rows out;
  if (c.integer("data", "eval_rows") > 0) out = read_rows(c);
  else out.eval = read_sets(c, out.files);
  out.train.clear();
  return out;
}

std::optional<ColumnTypes> column_types(const RunConfig& c, const Rows& rows) {
  if (c.flag("data", "streaming")) return std::nullopt;
  ColumnTypes out;
  for (const Row& row : rows.train) out.see(row.columns);
  for (const EvalRows& set : rows.eval)
    for (const Row& row : set.rows) out.see(row.columns);
  return out;
}

ModelLimits limits_of(const Model& model) {
  return {model.info().vocab_size, model.info().max_positions};
}

std::string name_in_messages(const EvalRows& set, const RunConfig& c) {
  return c.eval_sets.empty() ? "data.eval_rows" : eval_key(set.name);
}

std::vector<EvaluationSet> evaluation_sets(const std::vector<EvalRows>& rows, const RunConfig& c,
                                           const Tokenizer& tokenizer, const ModelLimits& limits) {
  std::vector<EvaluationSet> out;
  for (const EvalRows& set : rows)
    out.push_back(
        {set.name, examples_of(set.rows, c, tokenizer, limits, name_in_messages(set, c))});
  return out;
}

RunData run_data(const Rows& rows, const RunConfig& c, const Tokenizer& tokenizer,
                 const ModelLimits& limits) {
  RunData out;
  if (c.raft) {
    out.raft.train = prompts_of(rows.train, c, tokenizer, limits);
    if (!rows.eval.empty())
      out.raft.eval =
          prompts_of(rows.eval[0].rows, c, tokenizer, limits, name_in_messages(rows.eval[0], c));
    out.raft.files = rows.files;
    return out;
  }
  if (c.flag("data", "streaming"))
    out.sft.stream.emplace(stream_rows(c), ExampleMaker(c, tokenizer, limits));
  else out.sft.train = examples_of(rows.train, c, tokenizer, limits);
  out.sft.eval = evaluation_sets(rows.eval, c, tokenizer, limits);
  out.sft.files = rows.files;
  return out;
}

}  // namespace slipway
