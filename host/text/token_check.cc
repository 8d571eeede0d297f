// The check of ids.
#include "text/token_check.h"

#include "base/error.h"

namespace slipway {

void check_tokens(std::span<const int32_t> ids, const ModelLimits& limits,
                  const Tokenizer& tokenizer, const std::string& where) {
  if (limits.vocab_size <= 0) return;
  for (const int32_t id : ids)
    if (id < 0 || id >= limits.vocab_size)
      fail(
          "{}: token {} (\"{}\") is not in the model's vocabulary of {}; does model.tokenizer "
          "belong to these weights? (tokens that were added to a tokenizer need an embedding that "
          "was resized)",
          where, id, tokenizer.token(id), limits.vocab_size);
}

}  // namespace slipway
