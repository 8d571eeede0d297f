// Tokens of conversations.
#include "text/chat_tokens.h"

#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/growing_text.h"
#include "text/unicode.h"

namespace slipway {
namespace {

// Where the text must be cut so that none of its foreign parts is a special token.
std::vector<size_t> cuts_of(const Tokenizer& tokenizer, const MarkedText& text) {
  std::vector<size_t> out;
  if (text.marks.empty()) return out;
  const auto foreign = [&](size_t at) { return (text.mark(at) & MarkedText::kForeign) != 0; };
  for (const std::string& token : tokenizer.special_texts())
    for (size_t at = text.bytes.find(token); at != std::string::npos;
         at = text.bytes.find(token, at + 1)) {
      if (!foreign(at) && !foreign(at + token.size() - 1)) continue;
      const size_t first = code_point_at(text.bytes, at).size;
      if (first == token.size())
        fail("a message holds \"{}\", which is a special token of one character", excerpt(token));
      out.push_back(at + first);
    }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

// The ids of a piece from the middle of a text: encoded behind a line break, so that nothing is
// made of its beginning; as transformers does.
std::vector<int32_t> middle_piece(const Tokenizer& tokenizer, const std::string& piece) {
  const std::vector<int32_t> line = tokenizer.encode("\n", false);
  std::vector<int32_t> ids = tokenizer.encode("\n" + piece, false);
  if (ids.size() < line.size() || !std::equal(line.begin(), line.end(), ids.begin()))
    return tokenizer.encode(piece, false);
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(line.size()));
  return ids;
}

// A tokenizer that normalizes could still make a special token of other text.
void check_special(const Tokenizer& tokenizer, const std::vector<int32_t>& ids,
                   const MarkedText& text) {
  for (const int32_t id : ids) {
    if (!tokenizer.is_special(id)) continue;
    const std::string token(tokenizer.token(id));
    bool own = false;
    for (size_t at = text.bytes.find(token); at != std::string::npos && !own;
         at = text.bytes.find(token, at + 1))
      own = (text.mark(at) & MarkedText::kForeign) == 0 &&
            (text.mark(at + token.size() - 1) & MarkedText::kForeign) == 0;
    if (!own)
      fail("a message holds what this tokenizer makes the special token \"{}\" of", excerpt(token));
  }
}

}  // namespace

std::vector<int32_t> chat_tokens(const Tokenizer& tokenizer, const MarkedText& text) {
  const std::vector<size_t> cuts = cuts_of(tokenizer, text);
  const std::string& bytes = text.bytes;
  std::vector<int32_t> out =
      tokenizer.encode(bytes.substr(0, cuts.empty() ? bytes.size() : cuts[0]),
                       /*add_special_tokens=*/false);
  for (size_t i = 0; i < cuts.size(); ++i) {
    const size_t end = i + 1 < cuts.size() ? cuts[i + 1] : bytes.size();
    const std::vector<int32_t> ids = middle_piece(tokenizer, bytes.substr(cuts[i], end - cuts[i]));
    out.insert(out.end(), ids.begin(), ids.end());
  }
  if (!text.marks.empty()) check_special(tokenizer, out, text);
  return out;
}

namespace {

// The end of every token in the text, in bytes; of one that ends within a character, that
// character's.
std::vector<size_t> ends_of(const Tokenizer& tokenizer, std::span<const int32_t> ids,
                            std::string_view text) {
  GrowingText growing(tokenizer);
  std::vector<size_t> out;
  size_t at = 0, pending = 0;
  const auto take = [&](std::string piece) {
    if (piece.empty()) return;
    // a word's space may be the tokenizer's own, or one that a token took along
    if (!text.substr(at).starts_with(piece) && piece[0] == ' ' &&
        text.substr(at).starts_with(piece.substr(1)))
      piece.erase(0, 1);
    while (at < text.size() && !text.substr(at).starts_with(piece) &&
           std::string_view(" \t\r\n").find(text[at]) != std::string_view::npos)
      ++at;
    if (!text.substr(at).starts_with(piece))
      fail(
          "the tokenizer changes the text \"{}\", so nobody can say which of its tokens are an "
          "answer",
          excerpt(text.substr(at), 40));
    at += piece.size();
  };
  for (const int32_t id : ids) {
    const bool special = tokenizer.is_special(id);
    if (special) take(growing.rest());
    const size_t before = at;
    take(special ? std::string(tokenizer.token(id)) : growing.add(id));
    ++pending;
    if (at == before) continue;
    out.insert(out.end(), pending, at);
    pending = 0;
  }
  take(growing.rest());
  out.insert(out.end(), pending, at);
  return out;
}

}  // namespace

std::vector<std::pair<size_t, size_t>> tokens_of_spans(
    const Tokenizer& tokenizer, std::span<const int32_t> ids, const std::string& text,
    std::span<const std::pair<size_t, size_t>> spans) {
  const std::vector<size_t> ends = ends_of(tokenizer, ids, text);
  std::vector<std::pair<size_t, size_t>> out;
  for (size_t token = 0, span = 0; token < ends.size(); ++token) {
    const size_t begin = token == 0 ? 0 : ends[token - 1];
    // tokens that share a character begin where it begins
    size_t first = token;
    while (first > 0 && ends[first - 1] == ends[token]) --first;
    const size_t from = first == token ? begin : first == 0 ? 0 : ends[first - 1];
    while (span < spans.size() && from >= spans[span].second) ++span;
    if (span == spans.size()) break;
    if (ends[token] <= spans[span].first) continue;
    if (!out.empty() && out.back().second == token) ++out.back().second;
    else out.emplace_back(token, token + 1);
  }
  return out;
}

}  // namespace slipway
