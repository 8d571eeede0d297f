/* SPDX-License-Identifier: Apache-2.0 */
/* search.h -- hyperparameter search: the host runs trials, the plugin proposes and prunes. */
#ifndef SLW_SEARCH_H
#define SLW_SEARCH_H
#include "host.h"
SLW_EXTERN_C_BEGIN
#define SLW_SEARCH "slipway.search/1"

typedef int32_t slw_domain_type;
enum { SLW_DOMAIN_FLOAT, SLW_DOMAIN_INT, SLW_DOMAIN_CHOICE };
typedef struct slw_domain {
  uint32_t struct_size;
  slw_domain_type type;
  const char *name;       /* the option's full path, "train.learning_rate" */
  double low, high, step; /* step 0 = continuous */
  int32_t log_scale;
  uint32_t choice_count;
  const slw_value *choices;
  const char *active_if; /* NULL in hosts up to 1.3: every domain is active */
} slw_domain;

typedef struct slw_study {
  uint32_t struct_size;
  uint32_t domain_count;
  const slw_domain *const *domains;
  const int32_t *directions; /* [objective_count] -1 minimize, +1 maximize */
  uint32_t objective_count;
  uint32_t parallel_trials;
  uint64_t seed;
  const char *name;
} slw_study;

typedef int32_t slw_trial_state;
enum {
  SLW_TRIAL_RUNNING,
  SLW_TRIAL_COMPLETE,
  SLW_TRIAL_PRUNED,
  SLW_TRIAL_FAILED,
  SLW_TRIAL_WAITING
};

/* [main], one call at a time; all state must be rebuildable by replaying the calls */
typedef struct slw_search {
  uint32_t struct_size;
  uint32_t flags;
  slw_status(SLW_CALL *begin)(slw_plugin *p, const slw_study *study, slw_error *err) SLW_NOEXCEPT;
  /* values[domain_count] owned by the plugin until the next call; SLW_OUT_OF_RANGE = space
   * exhausted, stop */
  slw_status(SLW_CALL *ask)(slw_plugin *p, int64_t trial, const slw_value **values, slw_error *err)
      SLW_NOEXCEPT;
  /* not called by hosts up to 1.3: trials run to their end */
  slw_status(SLW_CALL *report)(slw_plugin *p, int64_t trial, int64_t step, const double *objectives,
                               int32_t *prune, slw_error *err) SLW_NOEXCEPT;
  slw_status(SLW_CALL *tell)(slw_plugin *p, int64_t trial, slw_trial_state state,
                             const double *objectives, slw_error *err) SLW_NOEXCEPT;
  /* optional: warm start with known-good values; not called by hosts up to 1.3 */
  slw_status(SLW_CALL *enqueue)(slw_plugin *p, int64_t trial, const slw_value *values,
                                slw_error *err) SLW_NOEXCEPT;
  slw_status(SLW_CALL *best)(slw_plugin *p, void *ctx,
                             void(SLW_CALL *emit)(void *ctx, int64_t trial), slw_error *err)
      SLW_NOEXCEPT; /* one trial, or the Pareto front */
} slw_search;
SLW_EXTERN_C_END
#endif
