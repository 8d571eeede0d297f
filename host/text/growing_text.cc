// Growing texts.
#include "text/growing_text.h"

namespace slipway {

std::string GrowingText::add(int32_t id) {
  std::string out;
  if (tokenizer_.has_text({&id, 1})) stream_.add(tokenizer_.spoken(id), out);
  return out;
}

std::string GrowingText::rest() {
  std::string out;
  stream_.finish(out);
  return out;
}

}  // namespace slipway
