// Whether merges are those of scores, and which.
#include "text/gguf_scores.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/unicode.h"

namespace slipway {
namespace {

// Of all merges that lead to one token, the ranks of the first and the last.
struct Ranks {
  size_t first = SIZE_MAX, last = 0;
};

// How often `text` says `character` and nothing else; 0 = it says something else.
size_t run_length(std::string_view text, std::string_view character) {
  size_t out = 0;
  for (; text.starts_with(character); ++out) text.remove_prefix(character.size());
  return text.empty() ? out : 0;
}

// What becomes of `count` equal characters: lengths of the tokens. Of neighbours that `order` has
// those with the least number are merged, the first of them.
std::vector<size_t> run_cut(size_t count,
                            const std::map<std::pair<size_t, size_t>, size_t>& order) {
  std::vector<size_t> out(count, 1);
  for (;;) {
    size_t best = SIZE_MAX, at = 0;
    for (size_t i = 0; i + 1 < out.size(); ++i)
      if (const auto found = order.find({out[i], out[i + 1]});
          found != order.end() && found->second < best)
        best = found->second, at = i;
    if (best == SIZE_MAX) return out;
    out[at] += out[at + 1];
    out.erase(out.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

// The tokens that merges lead to, and what scores would merge beside them.
class MergedTokens {
 public:
  MergedTokens(const ModelTables& tables, const std::function<bool(size_t)>& never)
      : tables_(tables), ranks_(tables.vocabulary.size()), formed_(tables.vocabulary.size()) {
    for (size_t id = 0; id < tables.vocabulary.size(); ++id)
      if (!tables.vocabulary[id].empty() && !never(id)) ids_.emplace(tables.vocabulary[id], id);
    for (size_t rank = 0; rank < tables.merges.size(); ++rank) {
      const auto& [left, right] = tables.merges[rank];
      pairs_.insert(left + '\0' + right);
      const auto found = ids_.find(left + right);
      if (found == ids_.end()) continue;
      Ranks& ranks = ranks_[found->second];
      ranks.first = std::min(ranks.first, rank);
      ranks.last = std::max(ranks.last, rank);
    }
    form();
  }

  // Ids in the order in which merges make them. Merges of runs of one character, such as spaces,
  // may lie among each other, where the longest first gives the same.
  std::vector<size_t> in_order() const {
    std::vector<size_t> out;
    for (size_t id = 0; id < ranks_.size(); ++id)
      if (formed_[id] && ranks_[id].first != SIZE_MAX) out.push_back(id);
    std::ranges::sort(out, {}, [&](size_t id) { return ranks_[id].first; });
    for (size_t begin = 0, end = 0; begin < out.size(); begin = end) {
      size_t last = ranks_[out[begin]].last;
      for (end = begin + 1; end < out.size() && ranks_[out[end]].first < last; ++end)
        last = std::max(last, ranks_[out[end]].last);
      if (end - begin > 1) order_runs(std::span(out).subspan(begin, end - begin), out);
    }
    return out;
  }

 private:
  // Whether a piece can stand alone while a text is merged: a character, or a token that was made.
  bool stands(std::string_view piece) const {
    if (code_point_at(piece, 0).size == piece.size()) return true;
    const auto found = ids_.find(piece);
    return found != ids_.end() && formed_[found->second];
  }

  // From short to long: each token of which two pieces that can stand are made.
  void form() {
    std::vector<size_t> order;
    for (const auto& [text, id] : ids_) order.push_back(id);
    std::ranges::sort(order, {},
                      [&](size_t id) { return std::pair(tables_.vocabulary[id].size(), id); });
    std::string pair;
    for (const size_t id : order) {
      const std::string_view text = tables_.vocabulary[id];
      for (size_t cut = code_point_at(text, 0).size; cut < text.size();
           cut += code_point_at(text, cut).size) {
        const std::string_view left = text.substr(0, cut), right = text.substr(cut);
        if (!stands(left) || !stands(right)) continue;
        pair.assign(left).push_back('\0');
        pair += right;
        if (!pairs_.contains(pair))
          fail("llama.cpp would merge \"{}\" and \"{}\", and this tokenizer does not",
               excerpt(left), excerpt(right));
        formed_[id] = true;
      }
    }
  }

  // Sorts them from long to short; `all`: the order that they are a part of.
  void order_runs(std::span<size_t> ids, const std::vector<size_t>& all) const {
    std::ranges::stable_sort(ids, std::greater<>(),
                             [&](size_t id) { return tables_.vocabulary[id].size(); });
    std::set<std::string_view> characters;
    for (const size_t id : ids) {
      const std::string_view text = tables_.vocabulary[id];
      const std::string_view character = text.substr(0, code_point_at(text, 0).size);
      if (run_length(text, character) == 0) refuse_order(ids);
      characters.insert(character);
    }
    for (const std::string_view each : characters)
      if (!cuts_runs_alike(each, all)) refuse_order(ids);
  }

  [[noreturn]] void refuse_order(std::span<const size_t> ids) const {
    fail("merges that lead to \"{}\" stand before and behind those that lead to \"{}\"",
         excerpt(tables_.vocabulary[ids[0]]), excerpt(tables_.vocabulary[ids[1]]));
  }

  // Whether runs of that character are cut alike by merges and by tokens in the order `all`.
  bool cuts_runs_alike(std::string_view character, const std::vector<size_t>& all) const {
    using Lengths = std::map<std::pair<size_t, size_t>, size_t>;
    Lengths by_merge, by_token;
    std::map<size_t, size_t> places;  // by length
    size_t longest = 0;
    for (size_t place = 0; place < all.size(); ++place)
      if (const size_t length = run_length(tables_.vocabulary[all[place]], character); length > 0) {
        places[length] = place;
        longest = std::max(longest, length);
      }
    for (size_t rank = 0; rank < tables_.merges.size(); ++rank) {
      const size_t left = run_length(tables_.merges[rank].first, character),
                   right = run_length(tables_.merges[rank].second, character);
      // another token of a run's beginning or end: it matters how runs grow
      if ((left == 0 && right > 1) || (right == 0 && left > 1)) return false;
      if (left == 0 || right == 0 || !places.contains(left + right)) continue;
      by_merge[{left, right}] = rank;
      by_token[{left, right}] = places.at(left + right);
    }
    for (size_t count = 2; count <= 3 * longest + 2; ++count)
      if (run_cut(count, by_merge) != run_cut(count, by_token)) return false;
    return true;
  }

  const ModelTables& tables_;
  std::unordered_map<std::string_view, size_t> ids_;
  std::unordered_set<std::string> pairs_;
  std::vector<Ranks> ranks_;
  std::vector<bool> formed_;
};

}  // namespace

std::vector<float> scores_of_merges(const ModelTables& tables,
                                    const std::function<bool(size_t id)>& never,
                                    std::span<const float> own) {
  const std::vector<size_t> order = MergedTokens(tables, never).in_order();
  const size_t count = tables.vocabulary.size();
  const auto falls = [&](size_t i) { return own[order[i]] < own[order[i - 1]]; };
  bool same = own.size() == count;
  for (size_t i = 1; i < order.size() && same; ++i) same = falls(i);
  if (same) return {own.begin(), own.end()};
  std::vector<float> out(count, -static_cast<float>(count));
  for (size_t i = 0; i < order.size(); ++i) out[order[i]] = -static_cast<float>(i);
  return out;
}

}  // namespace slipway
