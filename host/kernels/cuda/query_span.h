// Which queries see the keys of a block: what the backward pass goes over for each block of keys.
#pragma once
#include "kernels/attention_plan.h"
#include "kernels/cuda/dialect.h"

namespace slipway::cuda {

// The queries of a run that see a key of a block of keys, whose own run is `own`.
struct QuerySpan {
  int begin, end;
  __device__ QuerySpan(const ScoreRule& rule, const KeyBlock& block, const QueryRun& own,
                       const QueryRun& queries)
      : begin(queries.causal ? block.key : queries.begin),
        end(queries.end),
        rule_(rule),
        causal_(queries.causal != 0),
        shift_(causal_ ? 0 : own.end - queries.begin) {
    const int64_t beyond = block.key + block.keys - 1 + rule.window - shift_;
    if (rule.window > 0 && beyond < end) end = static_cast<int>(beyond);
  }
  __device__ bool sees(int query, int key) const {
    const int back = query + shift_ - key;  // from the query's position to the key's
    return (!causal_ || back >= 0) && (rule_.window <= 0 || back < rule_.window);
  }

 private:
  const ScoreRule& rule_;
  bool causal_;
  int shift_;  // positions of an answer's tokens follow those of the prompt that it goes on from
};

}  // namespace slipway::cuda
