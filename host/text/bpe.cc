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

Bpe::Bpe(ModelTables tables, const Options& options, const std::string& origin)
    : TokenModel(Vocabulary(std::move(tables.vocabulary), Vocabulary::Repeats::kRefused, origin)),
      ignore_merges_(options.ignore_merges),
      fuse_unk_(options.fuse_unk) {
  ranks_.reserve(tables.merges.size());
  merges_.reserve(tables.merges.size());
  std::string joined;
  for (size_t rank = 0; rank < tables.merges.size(); ++rank) {
    const auto& [left, right] = tables.merges[rank];
    joined = left;
    joined += right;
    const int32_t a = vocabulary().id(left), b = vocabulary().id(right),
                  result = vocabulary().id(joined);
    if (a < 0 || b < 0 || result < 0)
      fail("{}: merge {} (\"{}\" \"{}\") uses a token that is not in the vocabulary", origin, rank,
           excerpt(left), excerpt(right));
    merges_.emplace_back(a, b);
    ranks_.insert_or_assign(pair_key(a, b), Merge{static_cast<int32_t>(rank), result});
  }
  if (options.byte_fallback) byte_ids_ = byte_tokens(vocabulary());
  if (options.unk_token.empty()) return;
  unk_ = vocabulary().id(options.unk_token);
  if (unk_ < 0)
    fail("{}: the model's unk_token \"{}\" is not in its vocabulary", origin,
         excerpt(options.unk_token));
}

const Bpe::Merge* Bpe::find(int32_t left, int32_t right) const {
  const auto it = ranks_.find(pair_key(left, right));
  return it == ranks_.end() ? nullptr : &it->second;
}

std::vector<Bpe::Symbol> Bpe::symbols_of(std::string_view word) const {
  std::vector<Symbol> out;
  out.reserve(word.size());
  const auto put = [&](int32_t token) {
    const int at = static_cast<int>(out.size());
    if (at > 0) out.back().next = at;
    out.push_back({token, at - 1, -1});
  };
  bool unknown = false;  // an unknown token waits for more that it takes along
  std::vector<int32_t> bytes;
  for (size_t i = 0; i < word.size();) {
    size_t end = i + 1;
    while (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) ++end;
    const std::string_view character = word.substr(i, end - i);
    i = end;
    if (const int32_t token = vocabulary().id(character); token >= 0) {
      if (std::exchange(unknown, false)) put(unk_);
      put(token);
      continue;
    }
    bytes.clear();
    if (!byte_ids_.empty() && append_byte_tokens(character, byte_ids_, bytes)) {
      // an unknown token that waits comes after them, as in the reference
      for (const int32_t token : bytes) put(token);
    } else if (unk_ >= 0) {
      if (unknown && !fuse_unk_) put(unk_);
      unknown = true;
    }
  }
  if (unknown) put(unk_);
  return out;
}

void Bpe::merge_all(std::vector<Symbol>& symbols) const {
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
}

void Bpe::encode(std::string_view word, std::vector<int32_t>& ids) const {
  if (ignore_merges_)
    if (const int32_t whole = vocabulary().id(word); whole >= 0) return ids.push_back(whole);
  std::vector<Symbol> symbols = symbols_of(word);
  if (symbols.empty()) return;
  merge_all(symbols);
  for (int i = 0; i >= 0; i = symbols[static_cast<size_t>(i)].next)
    ids.push_back(symbols[static_cast<size_t>(i)].id);
}

void Bpe::write(Json& model) const {
  const auto& tokens = vocabulary().tokens();
  Json merges = Json::array();
  for (const auto& [left, right] : merges_)
    merges.push_back({tokens[static_cast<size_t>(left)], tokens[static_cast<size_t>(right)]});
  model["vocab"] = vocabulary_object(vocabulary());
  model["merges"] = std::move(merges);
}

}  // namespace slipway
