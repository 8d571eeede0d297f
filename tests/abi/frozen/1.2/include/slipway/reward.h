/* reward.h -- score a batch of completions. Plain data only, so the same table works across a process boundary.
 * A batch holds all completions of each of its prompts; how many prompts is the host's choice, which may hand over those that are complete
 * while others are still being sampled, from a thread of its own. */
#ifndef SLW_REWARD_H
#define SLW_REWARD_H
#include "host.h"
SLW_EXTERN_C_BEGIN
#define SLW_REWARD "slipway.reward/1"

typedef struct slw_column { /* an extra dataset column, row-aligned; frozen: walked by stride */
  const char *name;
  slw_type type;               /* SLW_INT -> ints, SLW_FLOAT -> floats, SLW_STRING -> texts */
  int32_t reserved;
  union { const int64_t *ints; const double *floats; const slw_str *texts; } v;
} slw_column;

typedef struct slw_reward_batch {
  uint32_t struct_size;
  uint32_t size;                        /* rows */
  const slw_str *prompts;                /* [size], chat template applied */
  const slw_str *completions;            /* [size], special tokens stripped */
  const int64_t *prompt_offsets;        /* [size + 1] into prompt_ids */
  const int32_t *prompt_ids;
  const int64_t *completion_offsets;    /* [size + 1] into completion_ids */
  const int32_t *completion_ids;
  const int64_t *group;                 /* [size], rows of one prompt share a value (best-of-n, GRPO) */
  const uint8_t *finished;              /* [size], 1 = ended with EOS, 0 = cut by the length limit */
  const slw_column *columns;             /* dataset columns named in the config */
  uint32_t column_count;
  int32_t evaluation;                   /* 1 inside evaluation */
  int64_t step;
} slw_reward_batch;

typedef struct slw_reward_info { uint32_t struct_size; uint32_t reserved; const char *name; double weight; } slw_reward_info;

typedef struct slw_reward {
  uint32_t struct_size;
  uint32_t count;                                        /* rewards per row, fixed for the instance */
  const slw_reward_info *const *info;                     /* [count] */
  /* [worker, one call at a time per instance] out[row * count + k]; NaN = "no opinion", left out of the sum */
  slw_status (SLW_CALL *score)(slw_plugin *p, const slw_reward_batch *batch, float *out, slw_error *err) SLW_NOEXCEPT;
} slw_reward;

#define SLW_REWARD_ASYNC "slipway.reward.async/1"
/* Optional: the host copies what it needs before submit() returns, then calls done() from any thread exactly once. */
typedef struct slw_reward_async {
  uint32_t struct_size;
  uint32_t max_in_flight;
  slw_status (SLW_CALL *submit)(slw_plugin *p, const slw_reward_batch *batch, float *out, void *ctx,
                              void (SLW_CALL *done)(void *ctx, slw_status status, const slw_error *err),
                              slw_error *err) SLW_NOEXCEPT; /* batch and out stay valid until done() */
  void (SLW_CALL *cancel)(slw_plugin *p) SLW_NOEXCEPT;      /* every outstanding done() is called with SLW_CANCELLED */
} slw_reward_async;
SLW_EXTERN_C_END
#endif
