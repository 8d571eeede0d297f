// A model's chat template: conversations as the text that the model was trained on.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/conversation.h"
#include "text/jinja/template.h"
#include "text/marked_text.h"
#include "text/tokenizer.h"

namespace slipway {

class ChatTemplate {
 public:
  // The template `source`, called `origin` in messages, with the tokenizer's special tokens
  // (bos_token, ...) and `variables`, an object, as what else it sees. Throws Error on a malformed
  // template.
  ChatTemplate(const Tokenizer& tokenizer, const std::string& source, std::string origin,
               const Json& variables = Json::object());

  // The conversation as text, as transformers' apply_chat_template() makes it: keys that are null
  // are left out of messages, and what a message calls "thinking" or "reasoning" is
  // "reasoning_content" too. With `generation_prompt` it ends where an assistant begins. Throws
  // Error when the template refuses it. Thread-safe.
  MarkedText text(const Conversation& conversation, bool generation_prompt) const;

  // The conversation up to the end of its last message's words, for an assistant to go on from
  // there; as transformers' continue_final_message. Throws Error when the last message is not an
  // assistant's, holds no text, or the template leaves its text out or changes it. Thread-safe.
  MarkedText continued(const Conversation& conversation) const;

  // Where in text(conversation, false) assistants write, in bytes, ascending: by {% generation %}
  // where the template has it, else by where the text of the messages before a turn, with a
  // generation prompt, and that of the messages with it end. Throws Error where these are no
  // beginnings of the whole text: then nothing sound can be said.
  std::vector<std::pair<size_t, size_t>> assistant_spans(const Conversation& conversation,
                                                         const MarkedText& text) const;
  // The text that an answer follows when the first `prompt` messages are its prompt: the beginning
  // of `text`, by the same rule.
  MarkedText before_answer(const Conversation& conversation, const MarkedText& text,
                           size_t prompt) const;

  const std::string& origin() const { return template_.origin(); }

 private:
  jinja::Template template_;
  jinja::Template::Variables own_;  // texts of them are the template's
};

}  // namespace slipway
