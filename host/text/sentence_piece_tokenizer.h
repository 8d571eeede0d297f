// A tokenizer.model as the tokenizer that transformers' AutoTokenizer makes of it.
#pragma once
#include <string>
#include <vector>

#include "text/legacy_settings.h"
#include "text/sentence_piece.h"

namespace slipway {

// Which class reads it follows from the settings: LlamaTokenizer and GemmaTokenizer have parts of
// their own; where no class is named, or the model type has none, the model file's own settings
// count. Throws Error naming `origin`, and the class where it is another one.
LegacyTokenizer sentence_piece_tokenizer(const SentencePieceModel& model,
                                         const LegacySettings& settings, const std::string& origin);

// Every cut of every token into two others, in the order of `tokens` by the shorter left part:
// the merges that lead to them. `order` lists ids; only tokens in it are merged, or made.
std::vector<std::pair<std::string, std::string>> merges_of(const std::vector<std::string>& tokens,
                                                           const std::vector<size_t>& order);

// A pattern that matches any of the texts, the longest first, with Python's escapes: what cuts
// user-defined pieces out.
std::string pattern_of(std::vector<std::string> texts);

// A BPE "model" of SentencePiece's kind, and its decoder: marks become spaces, bytes characters,
// and with `strip` a text loses the space that it begins with.
Json sentence_piece_bpe(const Json& unk_token, bool byte_fallback, bool ignore_merges);
Json sentence_piece_decoder(bool byte_fallback, bool fuse, bool strip);
// Marks for spaces, and before a text: the pre-tokenizer Metaspace that does not split.
Json metaspace_of(const char* scheme);

}  // namespace slipway
