// Tokens of conversations.
#include "text/chat_tokens.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/token_ranges.h"
#include "text/unicode.h"

namespace slipway {
namespace {

// A run of the text and how it is encoded.
struct Piece {
  size_t begin, end;
  bool words;  // somebody's, and called like a special token
};

// Where the text of a special token stands that is not all the template's own.
struct Occurrence {
  size_t begin, end, first;  // the size of its first character
  bool whole;                // somebody's from its beginning to its end
};

std::vector<Occurrence> foreign_specials(const Tokenizer& tokenizer, const MarkedText& text) {
  std::vector<Occurrence> out;
  if (text.marks.empty()) return out;
  const auto foreign = [&](size_t at) { return (text.mark(at) & MarkedText::kForeign) != 0; };
  for (const std::string& token : tokenizer.special_texts())
    for (size_t at = text.bytes.find(token); at != std::string::npos;
         at = text.bytes.find(token, at + 1)) {
      const size_t end = at + token.size();
      if (!foreign(at) && !foreign(end - 1)) continue;
      bool whole = true;
      for (size_t i = at; i < end; ++i) whole = whole && foreign(i);
      out.push_back({at, end, code_point_at(text.bytes, at).size, whole});
    }
  std::ranges::sort(out, [](const Occurrence& a, const Occurrence& b) {
    return std::pair(a.begin, b.end) < std::pair(b.begin, a.end);  // the longer one first
  });
  return out;
}

// The text in pieces, none of whose foreign parts is a special token.
std::vector<Piece> pieces_of(const Tokenizer& tokenizer, const MarkedText& text) {
  const std::vector<Occurrence> found = foreign_specials(tokenizer, text);
  std::vector<Piece> out;
  size_t done = 0;
  const auto cut = [&](size_t at) {
    if (at > done || out.empty()) out.push_back({done, at, false});
    done = at;
  };
  for (const Occurrence& each : found) {
    if (each.begin < done) continue;  // cut already, or inside another one
    if (!each.whole) {
      if (each.begin + each.first == each.end)
        fail("a message holds \"{}\", which is a special token of one character",
             excerpt(text.bytes.substr(each.begin, each.end - each.begin)));
      cut(each.begin + each.first);
    } else {
      cut(each.begin);
      out.push_back({each.begin, each.end, true});
      done = each.end;
    }
  }
  cut(text.bytes.size());
  return out;
}

// The ids of a piece from the middle of a text: encoded behind a line break, so that nothing is
// made of its beginning; as transformers does.
template <class Encode>
std::vector<int32_t> behind_a_line(const Tokenizer& tokenizer, const std::string& piece,
                                   const Encode& encode) {
  const std::vector<int32_t> line = tokenizer.encode("\n", false);
  std::vector<int32_t> ids = encode("\n" + piece);
  if (ids.size() < line.size() || !std::equal(line.begin(), line.end(), ids.begin()))
    return encode(piece);
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(line.size()));
  return ids;
}

std::vector<int32_t> middle_piece(const Tokenizer& tokenizer, const std::string& piece) {
  return behind_a_line(tokenizer, piece,
                       [&](const std::string& text) { return tokenizer.encode(text, false); });
}

// The ids of what is called like a special token, as words. Where the model makes that token of
// them all the same they are cut behind the first character.
std::vector<int32_t> as_words(const Tokenizer& tokenizer, const std::string& piece) {
  std::vector<int32_t> ids = behind_a_line(
      tokenizer, piece, [&](const std::string& text) { return tokenizer.encode_words(text); });
  const auto special = [&](int32_t id) { return tokenizer.is_special(id); };
  const size_t first = code_point_at(piece, 0).size;
  if (std::ranges::none_of(ids, special) || first == piece.size()) return ids;
  ids = middle_piece(tokenizer, piece.substr(0, first));
  for (const int32_t id : middle_piece(tokenizer, piece.substr(first))) ids.push_back(id);
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
  std::vector<int32_t> out;
  for (const Piece& each : pieces_of(tokenizer, text)) {
    const std::string piece = text.bytes.substr(each.begin, each.end - each.begin);
    const std::vector<int32_t> ids = each.words        ? as_words(tokenizer, piece)
                                     : each.begin == 0 ? tokenizer.encode(piece, false)
                                                       : middle_piece(tokenizer, piece);
    out.insert(out.end(), ids.begin(), ids.end());
  }
  if (!text.marks.empty()) check_special(tokenizer, out, text);
  return out;
}

namespace {

using Spans = std::vector<std::pair<size_t, size_t>>;

// What the tokenizer makes of a text, normalized.
std::string as_told(const Tokenizer& tokenizer, const std::string& text) {
  return tokenizer.decode(tokenizer.encode(text, /*add_special_tokens=*/false),
                          /*skip_special_tokens=*/false);
}

// Spans of `text` in the text `told` that its tokens tell; nothing where a part of the text is told
// otherwise than it is in the whole.
std::optional<Spans> spans_as_told(const Tokenizer& tokenizer, const std::string& text,
                                   const std::string& told,
                                   std::span<const std::pair<size_t, size_t>> spans) {
  Spans out;
  const auto place = [&](size_t at) -> std::optional<size_t> {
    const std::string before = as_told(tokenizer, text.substr(0, at));
    return told.starts_with(before) ? std::optional(before.size()) : std::nullopt;
  };
  for (const auto& [begin, end] : spans) {
    const std::optional<size_t> from = place(begin), to = place(end);
    if (!from || !to) return std::nullopt;
    out.emplace_back(*from, *to);
  }
  return out;
}

// The tokens that overlap spans of the text in which they stand at `ranges`.
Spans overlapping(const Spans& ranges, std::span<const std::pair<size_t, size_t>> spans) {
  Spans out;
  for (size_t token = 0, span = 0; token < ranges.size(); ++token) {
    while (span < spans.size() && ranges[token].first >= spans[span].second) ++span;
    if (span == spans.size()) break;
    if (ranges[token].second <= spans[span].first) continue;
    if (!out.empty() && out.back().second == token) ++out.back().second;
    else out.emplace_back(token, token + 1);
  }
  return out;
}

}  // namespace

Spans tokens_of_spans(const Tokenizer& tokenizer, std::span<const int32_t> ids,
                      const std::string& text, std::span<const std::pair<size_t, size_t>> spans) {
  if (const std::optional<Spans> ranges = token_ranges(tokenizer, ids, text))
    return overlapping(*ranges, spans);
  // a normalizer changed the text: its places are found in what became of it
  const std::string told = tokenizer.decode(ids, /*skip_special_tokens=*/false);
  const std::optional<Spans> ranges = token_ranges(tokenizer, ids, told);
  const std::optional<Spans> moved = spans_as_told(tokenizer, text, told, spans);
  if (!ranges || !moved)
    fail(
        "the tokenizer changes the text \"{}\", so nobody can say which of its tokens are an "
        "answer",
        excerpt(text, 40));
  return overlapping(*ranges, *moved);
}

}  // namespace slipway
