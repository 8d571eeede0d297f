// Prompts of a RAFT run, from rows.
#include "base/error.h"
#include "base/log.h"
#include "raft/raft.h"

namespace slipway {

std::vector<Prompt> prompts_of(const std::vector<Row>& rows, const RunConfig& config,
                               const Tokenizer& tokenizer, const ModelLimits& limits,
                               const std::string& set) {
  const auto limit = static_cast<size_t>(config.integer("data", "max_prompt_tokens"));
  std::vector<Prompt> out;
  size_t dropped = 0, empty = 0;
  for (const Row& row : rows) {
    const std::string& text = row.prompt_text();
    Prompt prompt{text, tokenizer.encode_beginning(text), row.columns};
    check_tokens(prompt.ids, limits, tokenizer, row.where);
    if (text.empty() || prompt.ids.empty()) ++empty;
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
