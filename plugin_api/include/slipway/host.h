/* SPDX-License-Identifier: Apache-2.0 */
/* host.h -- what a plugin may ask of the host. Small core, everything else by id. */
#ifndef SLW_HOST_H
#define SLW_HOST_H
#include "entry.h"
#include "tensor.h"
SLW_EXTERN_C_BEGIN

typedef int32_t slw_log_level;
enum { SLW_LOG_TRACE, SLW_LOG_DEBUG, SLW_LOG_INFO, SLW_LOG_WARN, SLW_LOG_ERROR };

struct slw_host {
  uint32_t struct_size;
  uint16_t abi_major, abi_minor;
  void *ctx; /* the host's own */
  const char *name, *version;
  /* [any] */
  void(SLW_CALL *log)(const slw_host *h, slw_log_level level, slw_str text) SLW_NOEXCEPT;
  /* [any] poll in long loops, return SLW_CANCELLED */
  int32_t(SLW_CALL *stop_requested)(const slw_host *h) SLW_NOEXCEPT;
  /* [any] NULL = absent */
  const void *(SLW_CALL *get_service)(const slw_host *h, const char *id)SLW_NOEXCEPT;
};

#define SLW_HOST_RUN "slipway.host.run/1"
typedef struct slw_host_run {
  uint32_t struct_size;
  int32_t rank, world_size, local_rank;
  const char *run_id, *output_dir, *work_dir; /* work_dir: the plugin's, shared by its instances */
} slw_host_run;

#define SLW_HOST_TENSOR "slipway.host.tensor/1"
typedef struct slw_host_tensor {
  uint32_t struct_size;
  /* [any] from the host's caching allocator, on `stream`; the caller owns *out and calls its
   * deleter */
  slw_status(SLW_CALL *alloc)(const slw_host *h, const DLTensor *prototype, slw_stream stream,
                              DLManagedTensorVersioned **out, slw_error *err) SLW_NOEXCEPT;
  /* dies when the current call returns */
  slw_status(SLW_CALL *scratch)(const slw_host *h, slw_stream stream, uint64_t bytes, void **out,
                                slw_error *err) SLW_NOEXCEPT;
  slw_stream(SLW_CALL *current_stream)(const slw_host *h, DLDevice device) SLW_NOEXCEPT;
} slw_host_tensor;

#define SLW_HOST_RANDOM "slipway.host.random/1"
/* counter-based: the same (purpose, step, index) gives the same bits on any rank layout */
typedef struct slw_host_random {
  uint32_t struct_size;
  uint64_t(SLW_CALL *seed)(const slw_host *h, const char *purpose, uint64_t index) SLW_NOEXCEPT;
  void(SLW_CALL *uniform)(const slw_host *h, uint64_t seed, uint64_t offset, float *out, uint64_t n)
      SLW_NOEXCEPT;
} slw_host_random;

#define SLW_HOST_METRICS "slipway.host.metrics/1"
typedef int32_t slw_reduce;
enum { SLW_REDUCE_NONE, SLW_REDUCE_MEAN, SLW_REDUCE_SUM, SLW_REDUCE_MIN, SLW_REDUCE_MAX };
typedef struct slw_host_metrics {
  uint32_t struct_size;
  /* [any] "PLUGIN/NAME" in the next row of metrics.jsonl and of the loggers, PLUGIN being the id's
   * last part; of what is reported inside an evaluation in that evaluation's row, as
   * "eval_PLUGIN/NAME". Values between two rows, and of all ranks, become one as the latest call
   * says: SLW_REDUCE_NONE keeps the last. A NaN is nothing to report. */
  void(SLW_CALL *scalar)(const slw_host *h, const char *name, double value, slw_reduce across_ranks)
      SLW_NOEXCEPT;
  /* [any] from inside score() alone: a column beside the rows that are being scored, one value
   * each, for samples/ and the loggers' tables; "PLUGIN/NAME" there. Given anew it replaces the one
   * before. */
  void(SLW_CALL *column)(const slw_host *h, const char *name, const slw_value *values,
                         uint64_t rows) SLW_NOEXCEPT;
} slw_host_metrics;

#define SLW_HOST_TRAIN "slipway.host.train/1"
typedef int32_t slw_role;
enum { SLW_ROLE_WEIGHT, SLW_ROLE_GRAD, SLW_ROLE_OPTIMIZER };
/* What of a parameter, or of what belongs to it, this rank keeps: values [offset, offset + count)
 * of the whole, row by row; count 0 = none of it. */
typedef struct slw_shard {
  uint32_t struct_size;
  int32_t ndim;
  const int64_t *shape; /* of the whole; borrowed until the event returns */
  int64_t offset;
  int64_t count;
} slw_shard;
typedef struct slw_host_train { /* [loop] only, and only from inside on_event() */
  uint32_t struct_size;
  uint32_t reserved;
  uint32_t(SLW_CALL *param_count)(const slw_host *h) SLW_NOEXCEPT;
  const char *(SLW_CALL *param_name)(const slw_host *h, uint32_t i)SLW_NOEXCEPT;
  /* this rank's shard, borrowed until the event returns: the whole with its shape, or, where ranks
     cut what the role is of (train.zero_stage), [count] values of it: shard() says which. `slot`
     names optimizer state ("exp_avg"), else NULL. Gradients are refused between RAFT's sampling and
     the next forward pass: there are none. */
  slw_status(SLW_CALL *tensor)(const slw_host *h, uint32_t i, slw_role role, const char *slot,
                               DLTensor *out, slw_stream *stream, slw_error *err) SLW_NOEXCEPT;
  /* this step only */
  slw_status(SLW_CALL *set_learning_rate)(const slw_host *h, double value, slw_error *err)
      SLW_NOEXCEPT;
  /* this step only */
  slw_status(SLW_CALL *set_clip_norm)(const slw_host *h, double value, slw_error *err) SLW_NOEXCEPT;
  /* on_pre_optimizer_step only */
  slw_status(SLW_CALL *skip_step)(const slw_host *h, slw_error *err) SLW_NOEXCEPT;
  /* which part tensor() gives for this role; not in hosts up to 1.2, where it is the whole */
  slw_status(SLW_CALL *shard)(const slw_host *h, uint32_t i, slw_role role, slw_shard *out,
                              slw_error *err) SLW_NOEXCEPT;
} slw_host_train;

#define SLW_HOST_TEXT "slipway.host.text/1"
/* the run's tokenizer; sinks are called before the function returns */
typedef struct slw_host_text {
  uint32_t struct_size;
  slw_status(SLW_CALL *encode)(const slw_host *h, slw_str text, void *ctx,
                               void(SLW_CALL *sink)(void *ctx, const int32_t *ids, uint64_t n),
                               slw_error *err) SLW_NOEXCEPT;
  slw_status(SLW_CALL *decode)(const slw_host *h, const int32_t *ids, uint64_t n, void *ctx,
                               void(SLW_CALL *sink)(void *ctx, slw_str text), slw_error *err)
      SLW_NOEXCEPT;
} slw_host_text;

#define SLW_HOST_STORE "slipway.host.store/1"
/* append-only journal per plugin id; survives restarts; one writer */
typedef struct slw_host_store {
  uint32_t struct_size;
  slw_status(SLW_CALL *append)(const slw_host *h, const char *journal, slw_str record,
                               slw_error *err) SLW_NOEXCEPT;
  slw_status(SLW_CALL *replay)(const slw_host *h, const char *journal, void *ctx,
                               slw_status(SLW_CALL *each)(void *ctx, slw_str record),
                               slw_error *err) SLW_NOEXCEPT;
} slw_host_store;

#define SLW_HOST_WORKERS "slipway.host.workers/1"
typedef struct slw_host_workers { /* [any] except from inside a task; blocks until all n ran */
  uint32_t struct_size;
  slw_status(SLW_CALL *parallel_for)(const slw_host *h, uint64_t n, void *ctx,
                                     void(SLW_CALL *task)(void *ctx, uint64_t i), slw_error *err)
      SLW_NOEXCEPT;
} slw_host_workers;

#define SLW_HOST_THREAD_CHECK "slipway.host.thread-check/1"
typedef struct slw_host_thread_check {
  uint32_t struct_size;
  int32_t(SLW_CALL *is_main)(const slw_host *h) SLW_NOEXCEPT;
  int32_t(SLW_CALL *is_loop)(const slw_host *h) SLW_NOEXCEPT;
} slw_host_thread_check;

SLW_EXTERN_C_END
#endif
