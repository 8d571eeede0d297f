// Query pieces, and rounds of pairs.
#include "kernels/cpu/attention_pieces.h"

#include <algorithm>

namespace slipway {
namespace {

// Tokens of a block of the backward: a sequence of up to kWhole is one.
constexpr int64_t kBlock = 192, kWhole = 256;

// A tree's tokens in blocks, the run that each is of, and where in its sequence it stands.
struct TokenBlock {
  TokenRun tokens;
  size_t run;
  int64_t position;
};

std::vector<TokenBlock> blocks_of(const PrefixTree& tree) {
  std::vector<TokenBlock> out;
  for (size_t r = 0; r < tree.runs.size(); ++r) {
    const auto [begin, length] = tree.runs[r];
    const int64_t block = length <= kWhole ? kWhole : kBlock;
    for (int64_t first = 0; first < length; first += block)
      out.push_back({{begin + first, std::min(block, length - first)},
                     r,
                     first + (r == 0 ? 0 : tree.runs[0].length)});
  }
  return out;
}

}  // namespace

std::vector<TokenRun> runs_of(const std::vector<PrefixTree>& trees) {
  std::vector<TokenRun> out;
  for (const PrefixTree& tree : trees) out.insert(out.end(), tree.runs.begin(), tree.runs.end());
  return out;
}

std::vector<QueryPiece> query_pieces(const std::vector<PrefixTree>& trees, int64_t kv_heads) {
  std::vector<QueryPiece> out;
  int64_t root = 0;
  for (const PrefixTree& tree : trees) {
    const auto runs = static_cast<int64_t>(tree.runs.size());
    for (int64_t r = 0; r < runs; ++r) {
      const int64_t length = tree.runs[static_cast<size_t>(r)].length;
      for (int64_t first = (length - 1) / kQueryBlock * kQueryBlock; length > 0 && first >= 0;
           first -= kQueryBlock)
        for (int64_t kv = 0; kv < kv_heads; ++kv)
          out.push_back(
              {r == 0 ? -1 : root, root + r, first, std::min(kQueryBlock, length - first), kv});
    }
    root += runs;
  }
  return out;
}

std::vector<std::vector<BlockPair>> backward_rounds(const std::vector<PrefixTree>& trees,
                                                    int64_t kv_heads, const ScoreRule& rule) {
  std::vector<std::vector<BlockPair>> out;
  for (const PrefixTree& tree : trees) {
    const std::vector<TokenBlock> blocks = blocks_of(tree);
    const size_t count = blocks.size();
    out.resize(std::max(out.size(), count));
    // As in a tournament: in round t block i meets the one block j with i + j = t modulo their
    // number, itself among them. The later one brings the queries.
    std::vector<bool> queries_came(count), keys_came(count);
    for (size_t t = 0; t < count; ++t)
      for (size_t i = 0; i < count; ++i) {
        const size_t j = (t + count - i) % count;
        if (j > i || (blocks[j].run != 0 && blocks[j].run != blocks[i].run)) continue;
        if (blocks[j].position + blocks[j].tokens.length <= rule.first_key(blocks[i].position))
          continue;
        for (int64_t kv = 0; kv < kv_heads; ++kv)
          out[t].push_back({blocks[i].tokens, blocks[j].tokens, kv, !queries_came[i], !keys_came[j],
                            blocks[i].position - blocks[j].position});
        queries_came[i] = keys_came[j] = true;
      }
  }
  return out;
}

}  // namespace slipway
