// SPDX-License-Identifier: Apache-2.0
// loss.hpp -- a loss of single tokens in C++: derive, implement token(), export.
#pragma once
#include "core.hpp"

namespace slipway {

struct LabelToken {
  int32_t target;
  double logprob, log_normalizer;  // log p(target), log(sum(exp(logits)))
  int64_t position;                // in its example, from 0
  int64_t step;                    // optimizer steps done

  // What its example has in a dataset column; `fallback` where the example has no value, or the
  // data set no such column of numbers.
  double number(std::string_view column, double fallback) const {
    for (uint32_t c = 0; c < batch->column_count; ++c) {
      const slw_column &each = batch->columns[c];
      if (column != each.name) continue;
      if (SLW_HAS(batch, column_present) && batch->column_present[c][example] == 0) return fallback;
      if (each.type == SLW_FLOAT) return each.v.floats[example];
      if (each.type == SLW_INT) return static_cast<double>(each.v.ints[example]);
    }
    return fallback;
  }

  const slw_loss_batch *batch;
  int64_t example;
};

struct TokenLoss {
  double loss;
  double d_logprob, d_log_normalizer = 0;  // its derivatives
};

// Self: TokenLoss token(const LabelToken &) const. A step's loss is the mean over its label tokens.
template <class Self>
class Loss : public WithoutOptions {
 public:
  static constexpr uint32_t kKind = SLW_KIND_LOSS;
  static constexpr const char *kInterface = SLW_LOSS;
  static const slw_loss *table() {
    static const slw_loss t{
        sizeof t, 0,
        [](slw_plugin *p, const slw_loss_batch *b, double *loss, float *d_logprobs,
           float *d_log_normalizers, slw_error *err) noexcept {
          return guard(err, [&] {
            const double share = 1.0 / static_cast<double>(b->num_items);
            double sum = 0;
            for (uint64_t i = 0; i < b->size; ++i) {
              const TokenLoss each = static_cast<const Self *>(p)->token(
                  LabelToken{b->targets[i], b->logprobs[i], b->log_normalizers[i], b->positions[i],
                             b->step, b, b->examples[i]});
              sum += each.loss;
              if (d_logprobs == nullptr) continue;
              d_logprobs[i] = static_cast<float>(each.d_logprob * share);
              d_log_normalizers[i] = static_cast<float>(each.d_log_normalizer * share);
            }
            *loss = sum * share;
          });
        },
        nullptr};
    return &t;
  }
};

}  // namespace slipway
#define SLW_EXPORT_LOSS(P) SLW_EXPORT_PLUGIN(P)
