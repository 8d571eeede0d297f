// Tokens of a conversation's text.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "text/marked_text.h"
#include "text/tokenizer.h"

namespace slipway {

// The ids of a text that a chat template made; nothing is added around it, for the template writes
// what stands there. Special tokens are where the template writes them: the first and the last
// character of each is its own. In the words of messages their texts stay text: a whole one is
// encoded apart, without added tokens, as transformers does with sanitize_control_tokens; one that
// the template's own characters would complete is cut behind its first character. Elsewhere the ids
// are those of Tokenizer::encode(). Throws Error naming the token where that cannot be had.
std::vector<int32_t> chat_tokens(const Tokenizer& tokenizer, const MarkedText& text);

// The tokens, [begin, end) each, that overlap spans of bytes of the text whose ids these are; spans
// ascend. Throws Error where a normalizer changes the text so that nobody can say.
std::vector<std::pair<size_t, size_t>> tokens_of_spans(
    const Tokenizer& tokenizer, std::span<const int32_t> ids, const std::string& text,
    std::span<const std::pair<size_t, size_t>> spans);

}  // namespace slipway
