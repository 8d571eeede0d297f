// Vocabularies in files of their own: GPT-2's vocab.json with merges.txt, BERT's vocab.txt.
#pragma once
#include "text/legacy_settings.h"

namespace slipway {

// vocab.json and merges.txt, as GPT2Tokenizer, Qwen2Tokenizer or GPTNeoXTokenizer have them: which,
// says the class or the model type. Throws Error naming the file.
LegacyTokenizer merges_tokenizer(const fs::path& folder, const LegacySettings& settings);

// vocab.txt, a token a line, as BertTokenizer has it. Throws Error naming the file.
LegacyTokenizer word_piece_tokenizer(const fs::path& folder, const LegacySettings& settings);

// What Qwen2 cuts words by.
extern const char* const kQwen2Words;

// {"type": "ByteLevel", ...}
Json byte_level(bool add_prefix_space, bool use_regex);
// Words by a pattern, then bytes.
Json pattern_words(const char* pattern, bool add_prefix_space = false);

}  // namespace slipway
