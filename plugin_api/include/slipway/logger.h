/* SPDX-License-Identifier: Apache-2.0 */
/* logger.h -- where numbers and samples go. Called on a thread of its own, never on the loop. */
#ifndef SLW_LOGGER_H
#define SLW_LOGGER_H
#include "callback.h"
SLW_EXTERN_C_BEGIN
#define SLW_LOGGER "slipway.logger/1"
typedef struct slw_logger {
  uint32_t struct_size;
  uint32_t flags; /* SLW_LOGGER_ALL_RANKS: default is rank 0 only */
  /* [logger] */
  slw_status(SLW_CALL *begin)(slw_plugin *p, const char *run_id, const slw_value *config,
                              int32_t resumed, slw_error *err) SLW_NOEXCEPT;
  slw_status(SLW_CALL *scalars)(slw_plugin *p, int64_t step, double wall_time,
                                const slw_metric *metrics, uint64_t count, slw_error *err)
      SLW_NOEXCEPT;
  /* optional */
  slw_status(SLW_CALL *text)(slw_plugin *p, int64_t step, double wall_time, const char *name,
                             slw_str markdown, slw_error *err) SLW_NOEXCEPT;
  /* optional: samples */
  slw_status(SLW_CALL *table)(slw_plugin *p, int64_t step, double wall_time, const char *name,
                              const char *const *columns, uint32_t column_count,
                              const slw_value *cells, uint64_t row_count, slw_error *err)
      SLW_NOEXCEPT;
  /* optional; not called by hosts up to 1.3 */
  slw_status(SLW_CALL *histogram)(slw_plugin *p, int64_t step, double wall_time, const char *name,
                                  const double *edges, const double *counts, uint64_t bins,
                                  slw_error *err) SLW_NOEXCEPT;
  slw_status(SLW_CALL *flush)(slw_plugin *p, slw_error *err) SLW_NOEXCEPT;
  slw_status(SLW_CALL *end)(slw_plugin *p, slw_status outcome, slw_error *err) SLW_NOEXCEPT;
} slw_logger;
enum { SLW_LOGGER_ALL_RANKS = 1u << 0 };
SLW_EXTERN_C_END
#endif
