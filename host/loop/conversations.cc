// Conversations.
#include "loop/conversations.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "plugin/options.h"
#include "text/chat_tokens.h"

namespace slipway {

Conversations::Conversations(const RunConfig& config, const Tokenizer& tokenizer)
    : tokenizer_(tokenizer),
      completion_only_(config.flag("data", "completion_only_loss")),
      assistant_only_(config.flag("data", "assistant_only_loss")),
      continue_(config.flag("data", "continue_final_message")) {
  const std::string& file = config.text("data", "chat_template");
  const Json variables = json_of(config.get("data", "chat_template_kwargs"));
  if (!file.empty()) template_.emplace(tokenizer, read_file(file), file, variables);
  else if (!tokenizer.chat_template.empty())
    template_.emplace(tokenizer, tokenizer.chat_template, "the model's chat template", variables);
}

const ChatTemplate& Conversations::chat_template() const {
  if (!template_)
    fail(
        "is a conversation, and the model has no chat template; name a file with one in "
        "data.chat_template");
  return *template_;
}

std::vector<std::pair<size_t, size_t>> Conversations::loss_spans(const Row& row,
                                                                 const MarkedText& text,
                                                                 size_t begin) const {
  const std::pair whole(size_t{0}, text.bytes.size());
  if (row.chat_prompt == 0)
    return assistant_only_ ? chat_template().assistant_spans(row.chat, text) : std::vector{whole};
  if (!completion_only_) return {whole};
  if (!assistant_only_ || row.chat.messages.size() == row.chat_prompt + 1)
    return {{begin, text.bytes.size()}};
  std::vector<std::pair<size_t, size_t>> out;
  for (const auto& [from, to] : chat_template().assistant_spans(row.chat, text))
    if (to > begin) out.emplace_back(std::max(from, begin), to);
  return out;
}

size_t Conversations::tokens_of(const MarkedText& prompt, const std::vector<int32_t>& ids) const {
  const std::vector<int32_t> own = chat_tokens(tokenizer_, prompt);
  return own.size() <= ids.size() && std::equal(own.begin(), own.end(), ids.begin()) ? own.size()
                                                                                     : 0;
}

Example Conversations::example(const Row& row) const {
  try {
    const MarkedText text = chat_template().text(row.chat, /*generation_prompt=*/false);
    Example out;
    out.ids = chat_tokens(tokenizer_, text);
    MarkedText prompt;  // that carries no loss
    if (row.chat_prompt > 0 && completion_only_)
      prompt = chat_template().before_answer(row.chat, text, row.chat_prompt);
    const auto spans = loss_spans(row, text, prompt.bytes.size());
    const auto size = static_cast<int64_t>(out.ids.size());
    out.loss_begin = size;
    if (spans == std::vector{std::pair(size_t{0}, text.bytes.size())}) {
      out.loss_begin = 0;
      return out;
    }
    const size_t earliest = prompt.bytes.empty() ? 0 : tokens_of(prompt, out.ids);
    for (const auto& [first, end] : tokens_of_spans(tokenizer_, out.ids, text.bytes, spans))
      if (const size_t begin = std::max(first, earliest); begin < end)
        out.loss.push_back(
            {static_cast<int64_t>(begin), static_cast<int64_t>(end) - static_cast<int64_t>(begin)});
    if (!out.loss.empty()) out.loss_begin = out.loss[0].begin;
    if (out.loss.size() == 1 && out.loss[0].begin + out.loss[0].length == size) out.loss.clear();
    return out;
  } catch (const Error& e) {
    fail("{}: {}", row.where, e.what());
  }
}

Conversations::Prompt Conversations::prompt(const Row& row) const {
  try {
    const Json& messages = row.chat.messages;
    size_t count = row.chat_prompt > 0 ? row.chat_prompt : messages.size();
    if (!continue_ && row.chat_prompt == 0 && messages.back()["role"] == "assistant") --count;
    if (count == 0) fail("has no message that an assistant could answer");
    const Conversation asked = first_messages(row.chat, count);
    const MarkedText text = continue_ ? chat_template().continued(asked)
                                      : chat_template().text(asked, /*generation_prompt=*/true);
    return {text.bytes, chat_tokens(tokenizer_, text)};
  } catch (const Error& e) {
    fail("{}: {}", row.where, e.what());
  }
}

}  // namespace slipway
