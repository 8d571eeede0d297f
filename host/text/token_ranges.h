// Where the tokens of a text stand in it.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace slipway {

// The bytes [begin, end) of the text that each of `ids`, its tokens, was made of; as the offsets of
// the tokenizers package, tokens that share a character have all of it, and an added token has the
// white space that it took along. Nothing where the ids do not read as the text: a normalizer
// changed more than white space.
std::optional<std::vector<std::pair<size_t, size_t>>> token_ranges(const Tokenizer& tokenizer,
                                                                   std::span<const int32_t> ids,
                                                                   std::string_view text);

}  // namespace slipway
