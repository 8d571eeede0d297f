// Byte-pair encoding of one word.
#include "text/bpe.h"

#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"

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
  int32_t result;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

constexpr int32_t kMergedAway = -1;

}  // namespace

Bpe::Bpe(BpeModel model, bool ignore_merges, const std::string& origin)
    : vocabulary_(std::move(model.vocabulary)), ignore_merges_(ignore_merges) {
  ids_.reserve(vocabulary_.size());
  ranks_.reserve(model.merges.size());
  merges_.reserve(model.merges.size());
  for (size_t i = 0; i < vocabulary_.size(); ++i) {
    if (vocabulary_[i].empty()) continue;
    const auto [it, fresh] = ids_.emplace(vocabulary_[i], static_cast<int32_t>(i));
    if (!fresh)
      fail("{}: the token \"{}\" has two ids, {} and {}", origin, excerpt(vocabulary_[i]),
           it->second, i);
  }
  std::string joined;
  for (size_t rank = 0; rank < model.merges.size(); ++rank) {
    const auto& [left, right] = model.merges[rank];
    joined = left;
    joined += right;
    const int32_t a = id(left), b = id(right), result = id(joined);
    if (a < 0 || b < 0 || result < 0)
      fail("{}: merge {} (\"{}\" \"{}\") uses a token that is not in the vocabulary", origin, rank,
           excerpt(left), excerpt(right));
    merges_.emplace_back(a, b);
    ranks_.insert_or_assign(pair_key(a, b), Merge{static_cast<int32_t>(rank), result});
  }
}

int32_t Bpe::id(std::string_view token) const {
  const auto it = ids_.find(token);
  return it == ids_.end() ? -1 : it->second;
}

const Bpe::Merge* Bpe::find(int32_t left, int32_t right) const {
  const auto it = ranks_.find(pair_key(left, right));
  return it == ranks_.end() ? nullptr : &it->second;
}

void Bpe::encode(std::string_view word, std::vector<int32_t>& ids) const {
  if (ignore_merges_)
    if (const int32_t whole = id(word); whole >= 0) return ids.push_back(whole);
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
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
  const auto symbol = [&](int at) -> Symbol& { return symbols[static_cast<size_t>(at)]; };
  std::vector<Candidate> heap;
  heap.reserve(symbols.size());
  const auto offer = [&](int left) {
    const Symbol& s = symbol(left);
    if (s.next < 0) return false;
    const Merge* merge = find(s.id, symbol(s.next).id);
    if (merge != nullptr) heap.push_back({merge->rank, left, merge->result});
    return merge != nullptr;
  };
  for (size_t i = 0; i < symbols.size(); ++i) offer(static_cast<int>(i));
  std::ranges::make_heap(heap, std::greater<>());
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, std::greater<>());
    const Candidate best = heap.back();
    heap.pop_back();
    Symbol& left = symbol(best.position);
    if (left.id == kMergedAway || left.next < 0) continue;
    Symbol& right = symbol(left.next);
    // Stale, unless the pair that is there now makes the same token: the reference merges it then,
    // and so do we.
    if (const Merge* now = find(left.id, right.id); now == nullptr || now->result != best.result)
      continue;
    left.id = best.result;
    right.id = kMergedAway;
    left.next = right.next;
    if (left.next >= 0) symbol(left.next).previous = best.position;
    if (left.previous >= 0 && offer(left.previous)) std::ranges::push_heap(heap, std::greater<>());
    if (offer(best.position)) std::ranges::push_heap(heap, std::greater<>());
  }
  for (int i = 0; i >= 0; i = symbol(i).next) ids.push_back(symbol(i).id);
}

}  // namespace slipway
