/* SPDX-License-Identifier: Apache-2.0 */
/* callback.h -- watch the loop and steer it. */
#ifndef SLW_CALLBACK_H
#define SLW_CALLBACK_H
#include "host.h"
SLW_EXTERN_C_BEGIN
#define SLW_CALLBACK "slipway.callback/1"

/* values are bit numbers in slw_callback.events; new ones are appended */
typedef int32_t slw_event_type;
enum {
  SLW_ON_INIT_END,
  SLW_ON_TRAIN_BEGIN,
  SLW_ON_TRAIN_END,
  SLW_ON_EPOCH_BEGIN,
  SLW_ON_EPOCH_END,
  SLW_ON_STEP_BEGIN,
  SLW_ON_SUBSTEP_END,
  SLW_ON_PRE_OPTIMIZER_STEP,
  SLW_ON_OPTIMIZER_STEP,
  SLW_ON_STEP_END,
  SLW_ON_EVALUATE,
  SLW_ON_PREDICT,
  SLW_ON_PREDICTION_STEP,
  SLW_ON_SAVE,
  SLW_ON_LOG,
  SLW_ON_PUSH_BEGIN /* hosts up to 1.3 push nothing */,
  /* ours: the RAFT phases */
  SLW_ON_GENERATE_BEGIN,
  SLW_ON_GENERATE_END,
  SLW_ON_REWARD,
  SLW_ON_SELECT,
  SLW_EVENT_COUNT
};

typedef struct slw_metric {
  const char *name;
  double value;
} slw_metric; /* frozen */

typedef struct slw_state {
  uint32_t struct_size;
  uint32_t flags; /* SLW_STATE_* */
  double epoch, total_flos;
  int64_t global_step, max_steps, num_input_tokens_seen, best_global_step;
  int32_t num_train_epochs, logging_steps, eval_steps, save_steps, train_batch_size, reserved;
  double best_metric;                             /* NaN = none yet */
  const char *best_model_checkpoint, *trial_name; /* NULL = none */
  /* of a search: SLW_TABLE, values by their keys; NULL = no search, or a host up to 1.2 */
  const slw_value *trial_params;
} slw_state;
enum {
  SLW_STATE_LOCAL_ZERO = 1u << 0,
  SLW_STATE_WORLD_ZERO = 1u << 1,
  SLW_STATE_SEARCHING = 1u << 2
};

typedef struct slw_event {
  uint32_t struct_size;
  slw_event_type type;
  const slw_state *state;
  const slw_metric *metrics;
  uint64_t metric_count; /* on_evaluate, on_predict, on_log, on_reward */
  /* on_save: the checkpoint; on_push_begin: the target */
  const char *path;
  double learning_rate, grad_norm, loss; /* NaN where not known at this event */
} slw_event;

enum {
  SLW_STOP_TRAINING = 1u << 0,
  SLW_STOP_EPOCH = 1u << 1,
  SLW_DO_SAVE = 1u << 2,
  SLW_DO_EVALUATE = 1u << 3,
  SLW_DO_LOG = 1u << 4
};

typedef struct slw_callback {
  uint32_t struct_size;
  int32_t order;   /* lower runs first; the host's default flow runs at 0 */
  uint64_t events; /* bit (1 << type) for each wanted; others cost nothing */
  /* [loop] *control holds the flags so far; set or clear bits. The host merges across ranks with
   * OR. */
  slw_status(SLW_CALL *on_event)(slw_plugin *p, const slw_event *event, uint32_t *control,
                                 slw_error *err) SLW_NOEXCEPT;
  /* optional, with checkpoints */
  slw_status(SLW_CALL *save)(slw_plugin *p, slw_ostream *out, slw_error *err) SLW_NOEXCEPT;
  slw_status(SLW_CALL *load)(slw_plugin *p, slw_istream *in, slw_error *err) SLW_NOEXCEPT;
} slw_callback;
SLW_EXTERN_C_END
#endif
