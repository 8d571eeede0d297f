/* SPDX-License-Identifier: Apache-2.0 */
/* metric.h -- measure a model's predictions on a set of examples, batch by batch, so that an
 * evaluation never keeps its logits.
 *
 * An evaluation of one set: begin() once; for each part of the set in its order, reduce() for a few
 * rows of logits at a time, if it is asked for, then update() once; finish() once. Everything that
 * must last between the calls is in `state`, doubles that the host keeps and adds up over ranks:
 * what update() does to them must be adding. */
#ifndef SLW_METRIC_H
#define SLW_METRIC_H
#include "callback.h"
SLW_EXTERN_C_BEGIN
#define SLW_METRIC "slipway.metric/1"

typedef struct slw_metric_set { /* what is going to be evaluated */
  uint32_t struct_size;
  uint32_t reserved;
  const char *name;   /* what the names of metrics begin with: "eval", "eval_news", "test" */
  int64_t examples;   /* on all ranks */
  int64_t vocab_size; /* every label and prediction is below it */
} slw_metric_set;

enum { SLW_METRIC_PREDICTIONS = 1u << 0 };
typedef struct slw_metric_needs { /* zeros when begin() gets it */
  uint32_t struct_size;
  uint32_t flags;      /* SLW_METRIC_PREDICTIONS: the most likely token at each label's place */
  uint64_t state_size; /* doubles; the host refuses more than 2^27 (1 GiB) */
  /* floats a label that reduce() leaves of its logits; 0 = it is not called */
  uint32_t reduced_width;
  uint32_t reserved;
} slw_metric_needs;

typedef struct slw_metric_logits { /* a few rows; the next call has other ones */
  uint32_t struct_size;
  uint32_t rows;
  const DLTensor *logits; /* [rows, vocab] float32, contiguous */
  const int32_t *labels;  /* [rows] */
  slw_stream stream;
} slw_metric_logits;

/* Examples that follow one another in the set, whole ones. Labels are the tokens that carry loss;
 * the place of a label is that of the token before it, from which it is predicted. */
typedef struct slw_metric_batch {
  uint32_t struct_size;
  uint32_t examples;
  uint64_t labels;        /* how many, of all these examples */
  uint64_t first_example; /* index of the first in the set */
  /* [examples + 1]: the labels of example e are [offsets[e], offsets[e + 1]) */
  const int64_t *offsets;
  const int32_t *label_ids; /* [labels] */
  const int32_t *positions; /* [labels] in the example; its first token, 0, is never a label */
  const float *logprobs;    /* [labels] natural logarithm of the label's probability */
  /* [labels] the most likely token, of equals the lowest; NULL unless asked for */
  const int32_t *predictions;
  /* [labels, reduced_width] what reduce() left; NULL unless asked for */
  const float *reduced;
} slw_metric_batch;

typedef struct slw_metric_plugin {
  uint32_t struct_size;
  uint32_t reserved;
  /* [loop] */
  slw_status(SLW_CALL *begin)(slw_plugin *p, const slw_metric_set *set, slw_metric_needs *needs,
                              slw_error *err) SLW_NOEXCEPT;
  /* [loop] optional; out [rows, reduced_width] is the host's */
  slw_status(SLW_CALL *reduce)(slw_plugin *p, const slw_metric_logits *logits, float *out,
                               slw_error *err) SLW_NOEXCEPT;
  /* [loop] adds to state [state_size], zeros before the first call */
  slw_status(SLW_CALL *update)(slw_plugin *p, const slw_metric_batch *batch, double *state,
                               slw_error *err) SLW_NOEXCEPT;
  /* [loop] names without the set's: "accuracy" becomes eval_accuracy; a NaN means that there is
   * nothing to measure */
  slw_status(SLW_CALL *finish)(slw_plugin *p, const double *state, void *ctx,
                               void(SLW_CALL *emit)(void *ctx, const slw_metric *metric),
                               slw_error *err) SLW_NOEXCEPT;
} slw_metric_plugin;
SLW_EXTERN_C_END
#endif
