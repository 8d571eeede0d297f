// What several ranks compute of an evaluation, brought to the first rank while it is computed.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "loop/evaluation.h"

namespace slipway {

// Ranks compute a round of batches side by side, one each. The first rank's hooks hear of all parts
// of a round, in the set's order. Logits cross as they are computed, at most kHeadRows rows of a
// rank at a time, so that no rank ever has more than its own and those of one other; of a round
// they come in no order. [loop]
class PartRelay {
 public:
  // Every rank gives hooks that want the same; on_part and on_logits of the first alone are called.
  // All given outlives this.
  PartRelay(const EvaluationSettings& settings, std::span<const Example> set, int64_t vocab_size,
            const EvaluationHooks& hooks);
  PartRelay(const PartRelay&) = delete;
  PartRelay& operator=(const PartRelay&) = delete;

  // What this rank computes its batches with.
  const EvaluationHooks& own_hooks() const { return own_hooks_; }

  // A round, whose first batch is `batch`: begin, compute, finish; on every rank, whether or not it
  // has a batch. Throws RankLost.
  void begin_round(size_t batch);
  void finish_round();

 private:
  struct Piece {  // logits of labels of a part
    size_t part, first;
    int64_t rows;
  };
  struct Share {  // of a rank in a round
    std::vector<EvaluatedPart> parts;
    std::vector<Piece> pieces;
  };
  Share share_of(size_t batch) const;
  // The next piece of every other rank that has one; `own_NV`: this rank's, if it has.
  void exchange_logits(const at::Tensor* own_NV);
  void gather_parts();

  const EvaluationSettings& settings_;
  const std::span<const Example> set_;
  const int64_t vocab_size_;
  const EvaluationHooks& hooks_;
  EvaluationHooks own_hooks_;
  std::vector<Share> shares_;  // by rank; none of the first's
  size_t pieces_exchanged_ = 0, most_pieces_ = 0;
  std::string told_;  // logprobs and predictions of this rank's parts
};

}  // namespace slipway
