// Rules of logits.
#include "generate/logit_rules.h"

#include <cmath>
#include <vector>

namespace slipway {

void apply_rules(const LogitRules& rules, std::span<const int32_t> prompt,
                 std::span<const int32_t> answer, std::span<const int32_t> end_tokens,
                 std::span<float> logits) {
  if (rules.repetition_penalty != 1) {
    const auto penalty = static_cast<float>(rules.repetition_penalty);
    std::vector<bool> seen(logits.size());  // each counts once
    for (const std::span<const int32_t> ids : {prompt, answer})
      for (const int32_t id : ids) {
        const auto at = static_cast<size_t>(id);
        if (at >= logits.size() || seen[at]) continue;
        seen[at] = true;
        logits[at] = logits[at] < 0 ? logits[at] * penalty : logits[at] / penalty;
      }
  }
  if (static_cast<int64_t>(answer.size()) < rules.min_new_tokens)
    for (const int32_t id : end_tokens)
      if (static_cast<size_t>(id) < logits.size()) logits[static_cast<size_t>(id)] = -INFINITY;
}

}  // namespace slipway
