// SPDX-License-Identifier: Apache-2.0
// search.hpp -- a search backend in C++: derive, implement begin(), ask() and tell(), export.
#pragma once
#include "core.hpp"

namespace slipway {

// Self: void begin(const slw_study &); const slw_value *ask(int64_t trial), one value a domain,
// kept until the next call, nullptr = the space is exhausted; void tell(int64_t trial,
// slw_trial_state, const double *objectives); std::vector<int64_t> best(); may hide report() and
// enqueue().
template <class Self>
class Search : public WithoutOptions {
 public:
  static constexpr uint32_t kKind = SLW_KIND_SEARCH;
  static constexpr const char *kInterface = SLW_SEARCH;
  bool report(int64_t, int64_t, const double *) { return false; }  // true = prune
  void enqueue(int64_t, const slw_value *) {
    throw Error(SLW_UNIMPLEMENTED, "takes no values to start from");
  }

  static const slw_search *table() {
    static const slw_search t = [] {
      slw_search made{};
      made.struct_size = sizeof made;
      made.begin = [](slw_plugin *p, const slw_study *study, slw_error *err) noexcept {
        return guard(err, [&] { self(p).begin(*study); });
      };
      made.ask = [](slw_plugin *p, int64_t trial, const slw_value **values,
                    slw_error *err) noexcept {
        return guard(err, [&] {
          *values = self(p).ask(trial);
          if (*values == nullptr) throw Error(SLW_OUT_OF_RANGE, "the space is exhausted");
        });
      };
      made.report = [](slw_plugin *p, int64_t trial, int64_t step, const double *o, int32_t *prune,
                       slw_error *err) noexcept {
        return guard(err, [&] { *prune = self(p).report(trial, step, o); });
      };
      made.tell = [](slw_plugin *p, int64_t trial, slw_trial_state state, const double *o,
                     slw_error *err) noexcept {
        return guard(err, [&] { self(p).tell(trial, state, o); });
      };
      made.enqueue = [](slw_plugin *p, int64_t trial, const slw_value *values,
                        slw_error *err) noexcept {
        return guard(err, [&] { self(p).enqueue(trial, values); });
      };
      made.best = [](slw_plugin *p, void *ctx, void (*emit)(void *, int64_t),
                     slw_error *err) noexcept {
        return guard(err, [&] {
          for (const int64_t trial : self(p).best()) emit(ctx, trial);
        });
      };
      return made;
    }();
    return &t;
  }

 private:
  static Self &self(slw_plugin *p) { return *static_cast<Self *>(p); }
};

}  // namespace slipway
#define SLW_EXPORT_SEARCH(P) SLW_EXPORT_PLUGIN(P)
