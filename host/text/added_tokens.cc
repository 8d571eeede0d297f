// Added tokens. Which match wins and how white space is taken follows the tokenizers package, its
// oddities included.
#include "text/added_tokens.h"

#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/unicode.h"

namespace slipway {
namespace {

bool is_word_at(std::string_view text, size_t at) {
  return at < text.size() && (char_class(code_point_at(text, at).value) & kWord) != 0;
}

bool is_word_before(std::string_view text, size_t end) {
  return end > 0 && (char_class(code_point_before(text, end).value) & kWord) != 0;
}

size_t skip_space_back(std::string_view text, size_t end) {
  while (end > 0) {
    const CodePoint c = code_point_before(text, end);
    if ((char_class(c.value) & kSpace) == 0) break;
    end -= c.size;
  }
  return end;
}

size_t skip_space(std::string_view text, size_t at) {
  while (at < text.size()) {
    const CodePoint c = code_point_at(text, at);
    if ((char_class(c.value) & kSpace) == 0) break;
    at += c.size;
  }
  return at;
}

}  // namespace

AddedTokens::AddedTokens(const Json& list, const Normalizer& normalizer,
                         const std::string& origin) {
  for (const Json& t : list) {
    const bool special = t.value("special", false);
    AddedToken made{t.at("id").get<int32_t>(),
                    t.at("content").get<std::string>(),
                    special,
                    t.value("single_word", false),
                    t.value("lstrip", false),
                    t.value("rstrip", false),
                    t.value("normalized", !special),
                    ""};
    made.sought = made.normalized ? normalizer.apply(made.content) : made.content;
    tokens_.push_back(std::move(made));
    const AddedToken& token = tokens_.back();
    if (token.id < 0 || token.id > 10'000'000)
      fail("{}: added token \"{}\" has id {}", origin, excerpt(token.content), token.id);
    if (token.content.empty())
      fail("{}: the added token with id {} has no content", origin, token.id);
    if (!by_id_.emplace(token.id, tokens_.size() - 1).second)
      fail("{}: two added tokens have id {}", origin, token.id);
    if (!by_content_.emplace(token.content, tokens_.size() - 1).second)
      fail("{}: the added token \"{}\" occurs twice", origin, excerpt(token.content));
    if (token.sought.empty()) continue;  // the normalizer leaves nothing to find
    (token.normalized ? any_normalized_ : any_plain_) = true;
    Pass& pass = token.normalized ? normalized_ : plain_;
    pass[static_cast<unsigned char>(token.sought[0])].push_back(
        static_cast<uint32_t>(tokens_.size() - 1));
  }
  const auto length = [&](uint32_t i) { return tokens_[i].sought.size(); };
  for (Pass* pass : {&plain_, &normalized_})
    for (auto& indices : *pass) std::ranges::stable_sort(indices, std::greater<>(), length);
}

const AddedToken* AddedTokens::find(int32_t id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &tokens_[it->second];
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto it = by_content_.find(std::string(content));
  return it == by_content_.end() ? nullptr : &tokens_[it->second];
}

std::optional<uint32_t> AddedTokens::at(const Pass& pass, std::string_view input, size_t at) const {
  for (const uint32_t i : pass[static_cast<unsigned char>(input[at])])
    if (input.substr(at).starts_with(tokens_[i].sought)) return i;
  return std::nullopt;
}

void AddedTokens::cut_pass(const Pass& pass, std::string_view input, bool first, const Run& run,
                           const Token& token) const {
  // may lie beyond the next match: white space that rstrip took is not given back, the match still
  // counts
  size_t done = 0;
  for (size_t from = 0; from < input.size();) {
    const std::optional<uint32_t> found = at(pass, input, from);
    if (!found) {
      ++from;
      continue;
    }
    const AddedToken& here = tokens_[*found];
    size_t begin = from, end = from + here.sought.size();
    from = end;
    if (here.single_word && (is_word_before(input, begin) || is_word_at(input, end))) continue;
    if (here.lstrip) begin = std::max(skip_space_back(input, begin), done);
    if (here.rstrip) end = skip_space(input, end);
    if (done < begin) run(input.substr(done, begin - done), first && done == 0);
    token(here.id);
    done = end;
  }
  if (done < input.size()) run(input.substr(done), first && done == 0);
}

void AddedTokens::cut(std::string_view input, const Normalizer& normalizer, const Run& run,
                      const Token& token) const {
  std::string made;
  const auto second = [&](std::string_view part, bool first) {
    if (!normalizer.empty()) part = made = normalizer.apply(part, &first);
    if (any_normalized_) return cut_pass(normalized_, part, first, run, token);
    if (!part.empty()) run(part, first);
  };
  if (any_plain_) return cut_pass(plain_, input, true, second, token);
  second(input, true);
}

}  // namespace slipway
