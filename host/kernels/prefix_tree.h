// Which tokens of a packed batch attend to which.
#pragma once
#include <cstdint>
#include <vector>

namespace slipway {

// Rows of a packed batch that attend to one another: `begin`, `length` in tokens. A query sees the
// whole prefix of its tree and the tokens of its own run up to itself.
struct TokenRun {
  int64_t begin, length;
};
// runs[0] is the prefix (causal within itself); the others continue it. A plain sequence is a tree
// of one run.
struct PrefixTree {
  std::vector<TokenRun> runs;
};

}  // namespace slipway
