/* SPDX-License-Identifier: Apache-2.0 */
/* reward.h -- score a batch of completions. Plain data only, so the same table works across a
 * process boundary. A batch holds all completions of each of its prompts; how many prompts is the
 * host's choice, which may hand over those that are complete while others are still being sampled,
 * from a thread of its own. */
#ifndef SLW_REWARD_H
#define SLW_REWARD_H
#include "host.h"
SLW_EXTERN_C_BEGIN
#define SLW_REWARD "slipway.reward/1"

/* An extra dataset column, row-aligned; frozen: walked by stride. Every batch has every column that
 * some row of the data set has, and always of one type: SLW_INT where all its values are whole
 * numbers, SLW_FLOAT where all are numbers, else SLW_STRING (what is no text as JSON; a whole
 * number beyond int64 too), and SLW_STRING where there is no value at all. With data.streaming a
 * batch has the columns and types of its own rows. */
typedef struct slw_column {
  const char *name;
  slw_type type; /* SLW_INT -> ints, SLW_FLOAT -> floats, SLW_STRING -> texts */
  int32_t reserved;
  union {
    const int64_t *ints;
    const double *floats;
    const slw_str *texts;
  } v;
} slw_column;

typedef struct slw_reward_batch {
  uint32_t struct_size;
  uint32_t size;                 /* rows */
  const slw_str *prompts;        /* [size], as the model read them */
  const slw_str *completions;    /* [size], special tokens stripped */
  const int64_t *prompt_offsets; /* [size + 1] into prompt_ids */
  const int32_t *prompt_ids;
  const int64_t *completion_offsets; /* [size + 1] into completion_ids */
  const int32_t *completion_ids;
  /* [size], rows of one prompt share a value (best-of-n, GRPO) */
  const int64_t *group;
  /* [size], 1 = ended with EOS, 0 = cut by the length limit */
  const uint8_t *finished;
  /* [column_count] what the data set's rows have beside prompt and completion */
  const slw_column *columns;
  uint32_t column_count;
  int32_t evaluation; /* 1 inside evaluation */
  int64_t step;
  /* since 1.3: [column_count][size], 1 = the row has a value, 0 = it is null or absent, and 0 or ""
   * stands in the column */
  const uint8_t *const *column_present;
} slw_reward_batch;

/* With several rewards a row metrics.jsonl and samples have each as "PLUGIN/NAME". */
typedef struct slw_reward_info {
  uint32_t struct_size;
  uint32_t reserved;
  const char *name;
  double weight;
} slw_reward_info;

typedef struct slw_reward {
  uint32_t struct_size;
  /* rewards per row, fixed for the instance; at most 1024 */
  uint32_t count;
  const slw_reward_info *const *info; /* [count] */
  /* [worker, one call at a time per instance] out[row * count + k]: every one must be written; an
   * infinite one is an error. NaN = "no opinion", left out of the row's sum. A row of which no
   * reward has an opinion is no candidate: it is not selected, not trained on and in no mean. A
   * reward without an opinion in a whole iteration is warned about; without one from the run's
   * start to the end of the first iteration it ends the run. */
  slw_status(SLW_CALL *score)(slw_plugin *p, const slw_reward_batch *batch, float *out,
                              slw_error *err) SLW_NOEXCEPT;
} slw_reward;

#define SLW_REWARD_ASYNC "slipway.reward.async/1"
/* Optional; not called by hosts up to 1.3. The plugin calls done() exactly once for each submit(),
 * from any thread. */
typedef struct slw_reward_async {
  uint32_t struct_size;
  uint32_t max_in_flight;
  slw_status(SLW_CALL *submit)(slw_plugin *p, const slw_reward_batch *batch, float *out, void *ctx,
                               void(SLW_CALL *done)(void *ctx, slw_status status,
                                                    const slw_error *err),
                               /* batch and out stay valid until done() */
                               slw_error *err) SLW_NOEXCEPT;
  /* every outstanding done() is called with SLW_CANCELLED */
  void(SLW_CALL *cancel)(slw_plugin *p) SLW_NOEXCEPT;
} slw_reward_async;
SLW_EXTERN_C_END
#endif
