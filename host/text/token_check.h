// Whether a model knows the ids that a tokenizer gives: checked once here, because an id beyond the
// embedding reads foreign memory on a GPU.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "text/tokenizer.h"

namespace slipway {

struct ModelLimits {
  int64_t vocab_size = 0, max_positions = 0;  // 0 = not known, nothing is checked
};

// Throws Error "where: token 259 ("<|eot|>") is not in the model's vocabulary of 259; ...".
void check_tokens(std::span<const int32_t> ids, const ModelLimits& limits,
                  const Tokenizer& tokenizer, const std::string& where);

}  // namespace slipway
