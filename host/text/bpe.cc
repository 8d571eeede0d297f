// Byte-pair encoding of one word.
#include "text/bpe.h"

#include <queue>

#include "base/error.h"

namespace slipway {
namespace {

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

struct Symbol {
  int32_t id;
  int previous, next;  // -1 = none
};

struct Candidate {
  int32_t rank;
  int position;
  int32_t left, right, result;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

}  // namespace

Bpe::Bpe(std::vector<std::string> vocabulary, const std::vector<std::pair<std::string, std::string>>& merges,
         bool ignore_merges, const std::string& origin)
    : vocabulary_(std::move(vocabulary)), merges_(merges), ignore_merges_(ignore_merges) {
  for (size_t i = 0; i < vocabulary_.size(); ++i) ids_.emplace(vocabulary_[i], static_cast<int32_t>(i));
  for (size_t rank = 0; rank < merges_.size(); ++rank) {
    const auto& [left, right] = merges_[rank];
    const int32_t a = id(left), b = id(right), result = id(left + right);
    if (a < 0 || b < 0 || result < 0)
      fail("{}: merge {} (\"{}\" \"{}\") uses a token that is not in the vocabulary", origin, rank, left, right);
    ranks_.emplace(pair_key(a, b), Merge{static_cast<int32_t>(rank), result});
  }
}

int32_t Bpe::id(std::string_view token) const {
  const auto it = ids_.find(token);
  return it == ids_.end() ? -1 : it->second;
}

void Bpe::encode(std::string_view word, std::vector<int32_t>& ids) const {
  if (ignore_merges_)
    if (const int32_t whole = id(word); whole >= 0) return ids.push_back(whole);
  std::vector<Symbol> symbols;
  for (size_t i = 0; i < word.size();) {
    size_t end = i + 1;
    while (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) ++end;
    if (const int32_t token = id(word.substr(i, end - i)); token >= 0) {
      const int at = static_cast<int>(symbols.size());
      if (at > 0) symbols.back().next = at;
      symbols.push_back({token, at - 1, -1});
    }
    i = end;
  }
  if (symbols.empty()) return;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto offer = [&](int left) {
    const Symbol& s = symbols[static_cast<size_t>(left)];
    if (s.next < 0) return;
    const int32_t right = symbols[static_cast<size_t>(s.next)].id;
    if (const auto it = ranks_.find(pair_key(s.id, right)); it != ranks_.end())
      queue.push({it->second.rank, left, s.id, right, it->second.result});
  };
  for (size_t i = 0; i < symbols.size(); ++i) offer(static_cast<int>(i));
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[static_cast<size_t>(best.position)];
    if (left.id != best.left || left.next < 0) continue;  // merged away since it was offered
    Symbol& right = symbols[static_cast<size_t>(left.next)];
    if (right.id != best.right) continue;
    left.id = best.result;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = best.position;
    if (left.previous >= 0) offer(left.previous);
    offer(best.position);
  }
  for (int i = 0; i >= 0; i = symbols[static_cast<size_t>(i)].next) ids.push_back(symbols[static_cast<size_t>(i)].id);
}

}  // namespace slipway
