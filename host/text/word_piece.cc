// WordPiece.
#include "text/word_piece.h"

#include "base/error.h"
#include "base/excerpt.h"
#include "text/unicode.h"

namespace slipway {
namespace {

size_t characters_in(std::string_view text) {
  size_t out = 0;
  for (const char c : text) out += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return out;
}

}  // namespace

WordPiece::WordPiece(ModelTables tables, const Options& options, const std::string& origin)
    : TokenModel(Vocabulary(std::move(tables.vocabulary), Vocabulary::Repeats::kRefused, origin)),
      prefix_(options.continuing_subword_prefix),
      most_characters_(options.max_input_chars_per_word),
      unk_(vocabulary().id(options.unk_token)) {
  if (unk_ < 0)
    fail("{}: the model's unk_token \"{}\" is not in its vocabulary", origin,
         excerpt(options.unk_token));
}

void WordPiece::encode(std::string_view word, std::vector<int32_t>& ids) const {
  if (characters_in(word) > most_characters_) return ids.push_back(unk_);
  const size_t before = ids.size();
  std::string piece;
  for (size_t begin = 0; begin < word.size();) {
    size_t end = word.size();
    int32_t found = -1;
    for (; end > begin; end -= code_point_before(word, end).size) {
      piece = begin > 0 ? prefix_ : "";
      piece += word.substr(begin, end - begin);
      if (found = vocabulary().id(piece); found >= 0) break;
    }
    if (found < 0) {
      ids.resize(before);
      return ids.push_back(unk_);
    }
    ids.push_back(found);
    begin = end;
  }
}

void WordPiece::write(Json& model) const { model["vocab"] = vocabulary_object(vocabulary()); }

}  // namespace slipway
