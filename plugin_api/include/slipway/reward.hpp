// SPDX-License-Identifier: Apache-2.0
// reward.hpp -- a reward in C++: derive, implement score(), export.
#pragma once
#include "core.hpp"
#include <optional>

namespace slipway {

struct Sample {
  std::string_view prompt, completion;
  bool finished;  // ended by itself, not cut by the length limit
  const slw_reward_batch *batch = nullptr;
  uint32_t row = 0;  // in the batch

  // What the prompt's row of the data set has in a column: nothing where it is null or absent, or
  // is no text, no number.
  std::optional<std::string_view> text(std::string_view column) const {
    const slw_column *found = find(column);
    if (found == nullptr || found->type != SLW_STRING) return std::nullopt;
    return view(found->v.texts[row]);
  }
  std::optional<double> number(std::string_view column) const {
    const slw_column *found = find(column);
    if (found == nullptr || (found->type != SLW_INT && found->type != SLW_FLOAT))
      return std::nullopt;
    return found->type == SLW_INT ? static_cast<double>(found->v.ints[row]) : found->v.floats[row];
  }

 private:
  const slw_column *find(std::string_view column) const {
    if (!SLW_HAS(batch, columns) || !SLW_HAS(batch, column_count)) return nullptr;
    for (uint32_t c = 0; c < batch->column_count; ++c)
      if (column == batch->columns[c].name)
        return SLW_HAS(batch, column_present) && batch->column_present[c][row] == 0
                   ? nullptr
                   : &batch->columns[c];
    return nullptr;
  }
};

// Self: double score(const Sample &). NaN means "no opinion". A throw fails the whole batch, with
// its text.
template <class Self>
class Reward : public WithoutOptions {
 public:
  static constexpr uint32_t kKind = SLW_KIND_REWARD;
  static constexpr const char *kInterface = SLW_REWARD;
  static const slw_reward *table() {
    static const slw_reward_info info{sizeof info, 0, Self::name, 1.0};
    static const slw_reward_info *const infos[] = {&info};
    static const slw_reward t{
        sizeof t, 1, infos,
        [](slw_plugin *p, const slw_reward_batch *b, float *out, slw_error *err) noexcept {
          return guard(err, [&] {
            if (b->size != 0 && (!SLW_HAS(b, prompts) || !SLW_HAS(b, completions)))
              throw Error(SLW_INVALID_ARGUMENT, "a batch without texts");
            const uint8_t *finished = SLW_HAS(b, finished) ? b->finished : nullptr;
            for (uint32_t i = 0; i < b->size; ++i)
              out[i] = static_cast<float>(
                  static_cast<Self *>(p)->score(Sample{view(b->prompts[i]), view(b->completions[i]),
                                                       finished && finished[i], b, i}));
          });
        }};
    return &t;
  }
};

}  // namespace slipway
#define SLW_EXPORT_REWARD(P) SLW_EXPORT_PLUGIN(P)
