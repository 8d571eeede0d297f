// Merges of SentencePiece's BPE as scores of tokens.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "text/token_model.h"

namespace slipway {

// A score for each token of `tables`, such that merging any two neighbours whose texts make a
// token, the best score first, as SentencePiece and llama.cpp do, gives what the merges give in
// their order. `never(id)`: a token that is found in a text before anything is merged. `own`: the
// scores of a tokenizer.model, or nothing; they are taken where they say the same order. Throws
// Error naming the merge where no scores do.
std::vector<float> scores_of_merges(const ModelTables& tables,
                                    const std::function<bool(size_t id)>& never,
                                    std::span<const float> own);

}  // namespace slipway
