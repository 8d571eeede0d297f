/* SPDX-License-Identifier: Apache-2.0 */
/* loss.h -- what training minimises, in place of the mean of -log p over the label tokens. The host
 * runs the model forward and back; a plugin says what the tokens cost and how that changes. Plain
 * data only. */
#ifndef SLW_LOSS_H
#define SLW_LOSS_H
#include "reward.h"
SLW_EXTERN_C_BEGIN
#define SLW_LOSS "slipway.loss/1"

/* some of the label tokens of a step, example by example: the host chooses how many calls a step
 * takes */
typedef struct slw_loss_batch {
  uint32_t struct_size;
  int32_t evaluation; /* 1 inside evaluation: no derivatives are wanted */
  int64_t step;       /* optimizer steps done */
  /* label tokens of the whole optimizer step, or evaluation batch: what a mean is divided by */
  int64_t num_items;
  int64_t vocab_size;
  uint64_t size;                /* label tokens of this call */
  const int32_t *targets;       /* [size] */
  const float *logprobs;        /* [size] log p(target) */
  const float *log_normalizers; /* [size] log(sum(exp(logits))) */
  const int64_t *positions;     /* [size] place of the target in its example, from 0 */
  const int64_t *examples;      /* [size] row of the example in columns */
  const slw_column *columns;    /* the examples' dataset columns; none with algorithm = "raft" */
  uint32_t column_count;
  uint32_t example_count;
  /* since 1.3: [column_count][example_count], as in slw_reward_batch */
  const uint8_t *const *column_present;
} slw_loss_batch;

typedef struct slw_loss {
  uint32_t struct_size;
  uint32_t reserved;
  /* One of the two; where both are there, logits() is called. *loss: what these tokens add to the
   * step's loss, divided by num_items already if it is to be a mean. */
  /* [loop] d_logprobs, d_log_normalizers [size]: the derivatives of *loss, zeros beforehand; NULL
   * in evaluation */
  slw_status(SLW_CALL *tokens)(slw_plugin *p, const slw_loss_batch *batch, double *loss,
                               float *d_logprobs, float *d_log_normalizers, slw_error *err)
      SLW_NOEXCEPT;
  /* [loop] logits [size, vocab_size]: to be read, and to be replaced by the derivatives of *loss,
   * but in evaluation left alone */
  slw_status(SLW_CALL *logits)(slw_plugin *p, const slw_loss_batch *batch, double *loss,
                               float *logits, slw_error *err) SLW_NOEXCEPT;
} slw_loss;
SLW_EXTERN_C_END
#endif
