// Growing texts.
#include "text/growing_text.h"

#include <utility>

#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace slipway {

std::string GrowingText::add(int32_t id) {
  if (tokenizer_.is_special(id)) return "";
  append_bytes(tokenizer_.token(id), kept_);
  const std::string unfinished = kept_.substr(kept_.size() - unfinished_utf8(kept_));
  kept_.resize(kept_.size() - unfinished.size());
  return valid_utf8(std::exchange(kept_, unfinished));
}

std::string GrowingText::rest() { return valid_utf8(std::exchange(kept_, "")); }

}  // namespace slipway
