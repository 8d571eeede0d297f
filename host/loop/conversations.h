// Conversations of rows into token ids.
#pragma once
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"
#include "data/packing.h"
#include "text/chat_template.h"

namespace slipway {

// Through which template conversations go, and which of their tokens carry loss.
class Conversations {
 public:
  // data.chat_template, else the tokenizer's own. `tokenizer` outlives this. Throws Error on a
  // malformed template; that there is none is an error where a row needs it.
  Conversations(const RunConfig& config, const Tokenizer& tokenizer);

  // Ids, and the loss on answers, of a row that is a conversation. Throws Error naming the row.
  Example example(const Row& row) const;

  struct Prompt {
    std::string text;
    std::vector<int32_t> ids;
  };
  // What an assistant goes on from: the row's prompt, or all of it but an assistant's last turn.
  // With data.continue_final_message an assistant's turn ends it, and is continued. Throws Error
  // naming the row.
  Prompt prompt(const Row& row) const;

 private:
  const ChatTemplate& chat_template() const;
  // Which bytes of the row's text carry loss; those of a prompt and its completion from `begin` on.
  std::vector<std::pair<size_t, size_t>> loss_spans(const Row& row, const MarkedText& text,
                                                    size_t begin) const;
  // How many of `ids` the prompt has by itself, of which none carries loss: a special token may
  // have taken the white space that an answer begins with, and is the prompt's all the same. 0
  // where a token is made of both.
  size_t tokens_of(const MarkedText& prompt, const std::vector<int32_t>& ids) const;

  const Tokenizer& tokenizer_;
  std::optional<ChatTemplate> template_;
  bool completion_only_, assistant_only_, continue_;
};

}  // namespace slipway
