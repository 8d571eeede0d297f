// Unigram's Viterbi search, as the tokenizers package walks: ties go to the token that begins
// first.
#include "text/unigram.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/unicode.h"

namespace slipway {

Unigram::Unigram(ModelTables tables, const Options& options, const std::string& origin)
    : TokenModel(Vocabulary(std::move(tables.vocabulary), Vocabulary::Repeats::kLastWins, origin)),
      scores_(std::move(tables.scores)),
      unk_(options.unk_id),
      origin_(origin) {
  const auto& tokens = vocabulary().tokens();
  if (scores_.size() != tokens.size())
    fail("{}: {} tokens but {} scores", origin, tokens.size(), scores_.size());
  if (unk_ >= static_cast<int32_t>(tokens.size()))
    fail("{}: the model's unk_id {} is beyond its vocabulary of {}", origin, unk_, tokens.size());
  double lowest = 0;
  for (size_t i = 0; i < scores_.size(); ++i) {
    if (!std::isfinite(scores_[i])) fail("{}: the score of token {} is no number", origin, i);
    lowest = i == 0 ? scores_[i] : std::min(lowest, scores_[i]);
  }
  unknown_score_ = lowest - 10.0;  // tokenizers' kUnkPenalty
  for (size_t i = 0; i < tokens.size(); ++i)
    if (vocabulary().id(tokens[i]) == static_cast<int32_t>(i))
      sorted_.push_back(static_cast<int32_t>(i));
  const auto token = [&](int32_t id) -> std::string_view {
    return tokens[static_cast<size_t>(id)];
  };
  std::ranges::sort(sorted_, {}, token);
  for (size_t b = 0, at = 0; b <= 256; ++b) {
    while (at < sorted_.size() && static_cast<unsigned char>(token(sorted_[at])[0]) < b) ++at;
    first_bytes_[b] = at;
  }
  if (options.byte_fallback) byte_ids_ = byte_tokens(vocabulary());
}

std::vector<Unigram::Node> Unigram::best_cut(std::string_view word) const {
  const auto& tokens = vocabulary().tokens();
  std::vector<Node> best(word.size() + 1);
  const auto offer = [&](size_t begin, size_t end, double score, int32_t id) {
    Node& node = best[end];
    score += best[begin].score;
    if (node.begin < 0 || score > node.score) node = {score, static_cast<int32_t>(begin), id};
  };
  for (size_t begin = 0; begin < word.size();) {
    const size_t character = code_point_at(word, begin).size;
    bool alone = false;  // a token is this character
    const auto first = static_cast<unsigned char>(word[begin]);
    size_t low = first_bytes_[first], high = first_bytes_[first + 1];
    for (size_t length = 1; low < high; ++length) {
      const std::string& shortest = tokens[static_cast<size_t>(sorted_[low])];
      if (shortest.size() == length) {
        const int32_t id = sorted_[low++];
        offer(begin, begin + length, scores_[static_cast<size_t>(id)], id);
        alone = alone || length == character;
      }
      if (begin + length == word.size()) break;
      const auto next = static_cast<unsigned char>(word[begin + length]);
      const auto byte = [&](int32_t id) {
        return static_cast<unsigned char>(tokens[static_cast<size_t>(id)][length]);
      };
      const auto from = sorted_.begin() + static_cast<std::ptrdiff_t>(low),
                 to = sorted_.begin() + static_cast<std::ptrdiff_t>(high);
      const auto range = std::ranges::equal_range(from, to, next, {}, byte);
      low = static_cast<size_t>(range.begin() - sorted_.begin());
      high = static_cast<size_t>(range.end() - sorted_.begin());
    }
    if (!alone) {
      if (unk_ < 0)
        fail("{}: \"{}\" is no token, and the model has no unk_id", origin_,
             excerpt(word.substr(begin, character)));
      offer(begin, begin + character, unknown_score_, unk_);
    }
    begin += character;
  }
  return best;
}

void Unigram::append_piece(std::string_view piece, std::vector<int32_t>& ids) const {
  if (const int32_t id = vocabulary().id(piece); id >= 0) return ids.push_back(id);
  if (byte_ids_.empty() || !append_byte_tokens(piece, byte_ids_, ids)) ids.push_back(unk_);
}

void Unigram::encode(std::string_view word, std::vector<int32_t>& ids) const {
  const std::vector<Node> best = best_cut(word);
  std::vector<std::string_view> pieces;  // from the last
  bool unknown = false;
  for (size_t end = word.size(); end > 0;) {
    const Node& node = best[end];
    const auto begin = static_cast<size_t>(node.begin);
    const bool is_unknown = unk_ >= 0 && node.id == unk_;
    if (is_unknown && unknown)
      pieces.back() = word.substr(begin, end - begin + pieces.back().size());
    else pieces.push_back(word.substr(begin, end - begin));
    unknown = is_unknown;
    end = begin;
  }
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) append_piece(*piece, ids);
}

void Unigram::write(Json& model) const {
  Json list = Json::array();
  for (size_t i = 0; i < scores_.size(); ++i)
    list.push_back(Json::array({vocabulary().tokens()[i], scores_[i]}));
  model["vocab"] = std::move(list);
}

}  // namespace slipway
