// Showing data.
#include "api/show_data.h"

#include "api/dataset_options.h"
#include "api/load_model.h"
#include "base/error.h"
#include "loop/examples.h"
#include "raft/raft.h"

namespace slipway {
namespace {

std::vector<ShownToken> trained_tokens(const Row& row, const RunConfig& config,
                                       const Tokenizer& tokenizer) {
  ExampleMaker maker(config, tokenizer, {}, "data.train");
  const std::optional<Example> example = maker.make(row);
  if (!example) fail("{}", maker.dropped().empty() ? "it is dropped" : maker.dropped()[0]);
  std::vector<ShownToken> out;
  for (const int32_t id : example->ids) out.push_back({id, false});
  for (const int64_t label : example->labels()) out[static_cast<size_t>(label)].loss = true;
  return out;
}

std::vector<ShownToken> asked_tokens(const Row& row, const RunConfig& config,
                                     const Tokenizer& tokenizer) {
  std::vector<ShownToken> out;
  for (const int32_t id : prompts_of({row}, config, tokenizer)[0].ids) out.push_back({id, false});
  return out;
}

std::vector<ShownRun> runs_of(const std::vector<ShownToken>& tokens, const Tokenizer& tokenizer) {
  std::vector<ShownRun> out;
  std::vector<int32_t> ids;
  for (size_t i = 0; i < tokens.size(); ++i) {
    ids.push_back(tokens[i].id);
    if (i + 1 < tokens.size() && tokens[i + 1].loss == tokens[i].loss) continue;
    out.push_back({tokenizer.decode(ids, /*skip_special_tokens=*/false), tokens[i].loss});
    ids.clear();
  }
  return out;
}

}  // namespace

ShownData shown_data(const RunConfig& config, size_t count) {
  const Tokenizer tokenizer = tokenizer_of(config);
  DatasetOptions options = dataset_options(config);
  options.limit = static_cast<int64_t>(count);
  ShownData out;
  for (const Row& row : read_dataset(config.train_files, options)) {
    ShownRow shown{row.where, {}, ""};
    try {
      shown.tokens = config.raft ? asked_tokens(row, config, tokenizer)
                                 : trained_tokens(row, config, tokenizer);
    } catch (const Error& e) {
      shown.fault = e.what();
    }
    out.runs.push_back(runs_of(shown.tokens, tokenizer));
    std::vector<std::string> texts;
    for (const ShownToken& each : shown.tokens) texts.emplace_back(tokenizer.token(each.id));
    out.token_texts.push_back(std::move(texts));
    out.rows.push_back(std::move(shown));
  }
  return out;
}

}  // namespace slipway
