// Prompts of a RAFT run, from rows.
#include "base/error.h"
#include "base/log.h"
#include "loop/conversations.h"
#include "raft/raft.h"

namespace slipway {

std::vector<Prompt> prompts_of(const std::vector<Row>& rows, const RunConfig& config,
                               const Tokenizer& tokenizer, const ModelLimits& limits,
                               const std::string& set) {
  const auto limit = static_cast<size_t>(config.integer("data", "max_prompt_tokens"));
  const Conversations conversations(config, tokenizer);
  std::vector<Prompt> out;
  size_t dropped = 0, empty = 0;
  for (const Row& row : rows) {
    Prompt prompt;
    if (row.kind == Row::Kind::kChat) {
      Conversations::Prompt asked = conversations.prompt(row);
      prompt = {std::move(asked.text), std::move(asked.ids), row.columns};
    } else {
      prompt = {row.prompt_text(), tokenizer.encode_beginning(row.prompt_text()), row.columns};
    }
    check_tokens(prompt.ids, limits, tokenizer, row.where);
    if (prompt.text.empty() || prompt.ids.empty()) ++empty;
    else if (prompt.ids.size() > limit) ++dropped;
    else out.push_back(std::move(prompt));
  }
  if (dropped > 0)
    log_warn("{}: {} of {} prompts dropped: more than data.max_prompt_tokens = {} tokens", set,
             dropped, rows.size(), limit);
  if (empty > 0) log_warn("{}: {} of {} prompts dropped: empty", set, empty, rows.size());
  if (out.empty())
    fail(
        "{}: no prompt is left: of {}, {} have more than data.max_prompt_tokens = {} tokens, {} "
        "are empty",
        set, rows.size(), dropped, limit, empty);
  return out;
}

}  // namespace slipway
