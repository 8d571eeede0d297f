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
  // From the query's position to the key's.
  __device__ int back(int query, int key) const { return query + shift_ - key; }
  // A query sees what is so far back: least() and more, and less than beyond().
  __device__ int least() const { return causal_ ? 0 : INT32_MIN; }
  __device__ int beyond() const {
    return rule_.window > 0 && rule_.window < INT32_MAX ? static_cast<int>(rule_.window)
                                                        : INT32_MAX;
  }
  __device__ bool sees(int query, int key) const {
    return back(query, key) >= least() && back(query, key) < beyond();
  }

 private:
  const ScoreRule& rule_;
  bool causal_;
  int shift_;  // positions of an answer's tokens follow those of the prompt that it goes on from
};

}  // namespace slipway::cuda
