// Texts that end an answer.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace slipway {

class StopStrings {
 public:
  // None of `texts` is empty. The tokenizer outlives this.
  StopStrings(const Tokenizer& tokenizer, std::vector<std::string> texts);

  // Whether the last of these tokens completes one of them, wherever tokens begin and end in it:
  // asked after each token, whether the text holds one.
  bool reached(std::span<const int32_t> ids) const;
  // The text up to the first of them.
  std::string before(std::string text) const;
  // Bytes at the end of the text that may be the beginning of one.
  size_t begun(const std::string& text) const;

 private:
  const Tokenizer& tokenizer_;
  std::vector<std::string> texts_;
  size_t longest_ = 0;  // bytes
};

// nullptr where there are no texts.
std::shared_ptr<const StopStrings> stop_strings(const Tokenizer& tokenizer,
                                                std::vector<std::string> texts);
// What the tokens say after a prompt's, up to a stop string where there may be one.
std::string answer_text(const Tokenizer& tokenizer, std::span<const int32_t> prompt,
                        std::span<const int32_t> ids, const StopStrings* stop);

}  // namespace slipway
