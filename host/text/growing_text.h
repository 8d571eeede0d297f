// A text that is read while its tokens are drawn, one by one.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "text/decoder.h"
#include "text/tokenizer.h"

namespace slipway {

// Tells what each token adds to the text, in whole characters: one whose bytes are shared among
// tokens comes with the last of them, or with the token after it. All that it tells, end to end, is
// Tokenizer::decode_after() of all ids. The tokenizer outlives it.
class GrowingText {
 public:
  // `before`: the ids that it goes on from.
  explicit GrowingText(const Tokenizer& tokenizer, std::span<const int32_t> before = {})
      : tokenizer_(tokenizer), stream_(tokenizer.decoder(), tokenizer.has_text(before)) {}

  // What the next token adds; may be empty.
  std::string add(int32_t id);
  // What is left when no token follows: the beginning of a character is U+FFFD. Then it is a new,
  // empty text.
  std::string rest();

 private:
  const Tokenizer& tokenizer_;
  DecoderStream stream_;
};

}  // namespace slipway
