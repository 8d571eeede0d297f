// SPDX-License-Identifier: Apache-2.0
// metric.hpp -- an evaluation metric in C++: derive, implement update() and finish(), export.
#pragma once
#include "core.hpp"

namespace slipway {

// Takes a named value of finish().
class Emit {
 public:
  Emit(void *ctx, void (*emit)(void *, const slw_metric *)) : ctx_(ctx), emit_(emit) {}
  void operator()(const char *name, double value) const {
    const slw_metric metric{name, value};
    emit_(ctx_, &metric);
  }

 private:
  void *ctx_;
  void (*emit_)(void *, const slw_metric *);
};

// Self: void update(const slw_metric_batch &, double *state), which adds to the state, and void
// finish(const double *state, const Emit &). May hide begin(), to ask for more than state_size
// doubles or to know the set, state_size, flags (SLW_METRIC_PREDICTIONS), and, with its width in
// needs.reduced_width, reduce().
template <class Self>
class Metric : public WithoutOptions {
 public:
  static constexpr uint32_t kKind = SLW_KIND_METRIC;
  static constexpr const char *kInterface = SLW_METRIC;
  static constexpr uint64_t state_size = 1;
  static constexpr uint32_t flags = 0;
  void begin(const slw_metric_set &, slw_metric_needs &) {}
  void reduce(const slw_metric_logits &, float *) {
    throw Error(SLW_UNIMPLEMENTED, "asks for logits and has no reduce()");
  }

  static const slw_metric_plugin *table() {
    static const slw_metric_plugin t = [] {
      slw_metric_plugin made{};
      made.struct_size = sizeof made;
      made.begin = [](slw_plugin *p, const slw_metric_set *set, slw_metric_needs *needs,
                      slw_error *err) noexcept {
        return guard(err, [&] {
          needs->state_size = Self::state_size;
          needs->flags = Self::flags;
          self(p).begin(*set, *needs);
        });
      };
      made.reduce = [](slw_plugin *p, const slw_metric_logits *logits, float *out,
                       slw_error *err) noexcept {
        return guard(err, [&] { self(p).reduce(*logits, out); });
      };
      made.update = [](slw_plugin *p, const slw_metric_batch *batch, double *state,
                       slw_error *err) noexcept {
        return guard(err, [&] {
          if ((Self::flags & SLW_METRIC_PREDICTIONS) != 0 && !SLW_HAS(batch, predictions))
            throw Error(SLW_INVALID_ARGUMENT, "a batch without predictions");
          self(p).update(*batch, state);
        });
      };
      made.finish = [](slw_plugin *p, const double *state, void *ctx,
                       void (*emit)(void *, const slw_metric *), slw_error *err) noexcept {
        return guard(err, [&] { self(p).finish(state, Emit(ctx, emit)); });
      };
      return made;
    }();
    return &t;
  }

 private:
  static Self &self(slw_plugin *p) { return *static_cast<Self *>(p); }
};

}  // namespace slipway
#define SLW_EXPORT_METRIC(P) SLW_EXPORT_PLUGIN(P)
