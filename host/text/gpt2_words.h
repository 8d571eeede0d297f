// GPT-2's words: contractions, letters, digits, punctuation, each with a leading space; then white
// space.
#pragma once
#include <functional>
#include <string_view>

namespace slipway {

// Cuts valid UTF-8 as the pattern 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+|
// ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ does, in one pass: it is the step of nearly every byte-level
// tokenizer.
void cut_gpt2_words(std::string_view text, const std::function<void(std::string_view)>& word);

}  // namespace slipway
