// A text that is read while its tokens are drawn, one by one.
#pragma once
#include <cstdint>
#include <string>

#include "text/tokenizer.h"

namespace slipway {

// Tells what each token adds to the text, in whole characters: one whose bytes are shared among
// tokens comes with the last of them. All that it tells, end to end, is Tokenizer::decode() of all
// ids. The tokenizer outlives it.
class GrowingText {
 public:
  explicit GrowingText(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // What the next token adds; may be empty.
  std::string add(int32_t id);
  // What is left when no token follows: the beginning of a character is U+FFFD. Then it is a new,
  // empty text.
  std::string rest();

 private:
  const Tokenizer& tokenizer_;
  std::string kept_;  // the bytes of a character that is not complete
};

}  // namespace slipway
