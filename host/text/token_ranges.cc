// Places of tokens.
#include "text/token_ranges.h"

#include <string>

#include "text/added_tokens.h"
#include "text/growing_text.h"
#include "text/unicode.h"

namespace slipway {
namespace {

// A text that is read piece by piece.
class ReadText {
 public:
  explicit ReadText(std::string_view text) : text_(text) {}

  size_t at() const { return at_; }

  // Goes behind the piece, and behind white space before it that no token tells of. Where the piece
  // began; nothing when the text has something else.
  std::optional<size_t> read(std::string_view piece) {
    // a word's space may be the tokenizer's own, or one that a token took along
    if (!here(piece) && piece[0] == ' ' && here(piece.substr(1))) piece.remove_prefix(1);
    size_t from = at_;
    while (!text_.substr(from).starts_with(piece)) {
      const size_t next = behind_space(from);
      if (next == from) return std::nullopt;
      from = next;
    }
    at_ = from + piece.size();
    return from;
  }

  // `from`, or what is behind the white space there.
  size_t behind_all_space(size_t from) const {
    for (size_t next = behind_space(from); next != from; next = behind_space(from)) from = next;
    return from;
  }
  size_t before_all_space(size_t end) const {
    while (end > 0) {
      const CodePoint c = code_point_before(text_, end);
      if ((char_class(c.value) & kSpace) == 0) break;
      end -= c.size;
    }
    return end;
  }

 private:
  bool here(std::string_view piece) const { return text_.substr(at_).starts_with(piece); }
  size_t behind_space(size_t from) const {
    if (from >= text_.size()) return from;
    const CodePoint c = code_point_at(text_, from);
    return (char_class(c.value) & kSpace) != 0 ? from + c.size : from;
  }

  std::string_view text_;
  size_t at_ = 0;
};

class Ranges {
 public:
  Ranges(const Tokenizer& tokenizer, std::string_view text)
      : tokenizer_(tokenizer), growing_(tokenizer), text_(text) {}

  // False where the text has something else.
  bool add(int32_t id) {
    ++waiting_;
    if (tokenizer_.is_special(id)) {
      if (!told(growing_.rest(), 1)) return false;
      if (!told(std::string(tokenizer_.token(id)), 0)) return false;
    } else {
      const std::string piece = growing_.add(id);
      // a byte of its own is held back, though it may be a whole character
      if (!(piece.empty() ? probed() : told(piece, 0))) return false;
    }
    if (const AddedToken* added = tokenizer_.added_token(id); added != nullptr && waiting_ == 0)
      take_space(*added);
    return true;
  }

  std::optional<std::vector<std::pair<size_t, size_t>>> finished() {
    if (!told(growing_.rest(), 0)) return std::nullopt;
    out_.insert(out_.end(), waiting_, {text_.at(), text_.at()});
    return std::move(out_);
  }

 private:
  // What the tokens said that wait, but for the last `without` of them.
  bool told(std::string piece, size_t without) {
    if (!ahead_.empty() && !piece.empty()) {
      if (!piece.starts_with(ahead_)) return false;
      piece.erase(0, ahead_.size());
      ahead_.clear();
    }
    return piece.empty() || settle(piece, without);
  }

  bool settle(std::string_view piece, size_t without) {
    const std::optional<size_t> begin = text_.read(piece);
    if (!begin) return false;
    out_.insert(out_.end(), waiting_ - without, {*begin, text_.at()});
    waiting_ = without;
    return true;
  }

  // Reads what would be told if no token followed, if it is whole.
  bool probed() {
    const std::string rest = GrowingText(growing_).rest();
    if (rest.size() <= ahead_.size() || !rest.starts_with(ahead_)) return true;
    ReadText text = text_;
    const std::string more = rest.substr(ahead_.size());
    if (!text.read(more)) return true;
    ahead_ = rest;
    return settle(more, 0);
  }

  void take_space(const AddedToken& added) {
    auto& [begin, end] = out_.back();
    if (added.lstrip)
      begin = std::max(text_.before_all_space(begin),
                       out_.size() > 1 ? out_[out_.size() - 2].second : 0);
    if (added.rstrip) end = text_.behind_all_space(end);
  }

  const Tokenizer& tokenizer_;
  GrowingText growing_;
  ReadText text_;
  size_t waiting_ = 0;  // tokens of which nothing was told yet
  std::string ahead_;   // what was read before it was told
  std::vector<std::pair<size_t, size_t>> out_;
};

}  // namespace

std::optional<std::vector<std::pair<size_t, size_t>>> token_ranges(const Tokenizer& tokenizer,
                                                                   std::span<const int32_t> ids,
                                                                   std::string_view text) {
  Ranges ranges(tokenizer, text);
  for (const int32_t id : ids)
    if (!ranges.add(id)) return std::nullopt;
  return ranges.finished();
}

}  // namespace slipway
