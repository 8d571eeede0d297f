// SPDX-License-Identifier: Apache-2.0
// logger.hpp -- a logger in C++: derive, implement scalars(), export.
#pragma once
#include "core.hpp"

namespace slipway {

// Self: void scalars(int64_t step, double wall_time, const slw_metric *, uint64_t count); hides
// what else it wants to hear of the functions below. All are called on one thread of the host's.
template <class Self>
class Logger : public WithoutOptions {
 public:
  static constexpr uint32_t kKind = SLW_KIND_LOGGER;
  static constexpr const char *kInterface = SLW_LOGGER;
  void begin(const char *, const slw_value &, bool) {}
  void text(int64_t, double, const char *, std::string_view) {}
  void flush() {}
  void end(slw_status) {}

  static const slw_logger *table() {
    static const slw_logger t = [] {
      slw_logger made{};
      made.struct_size = sizeof made;
      made.begin = [](slw_plugin *p, const char *run, const slw_value *config, int32_t resumed,
                      slw_error *err) noexcept {
        return guard(err, [&] { self(p).begin(run, *config, resumed != 0); });
      };
      made.scalars = [](slw_plugin *p, int64_t step, double time, const slw_metric *m, uint64_t n,
                        slw_error *err) noexcept {
        return guard(err, [&] { self(p).scalars(step, time, m, n); });
      };
      made.text = [](slw_plugin *p, int64_t step, double time, const char *name, slw_str markdown,
                     slw_error *err) noexcept {
        return guard(err, [&] { self(p).text(step, time, name, view(markdown)); });
      };
      made.flush = [](slw_plugin *p, slw_error *err) noexcept {
        return guard(err, [&] { self(p).flush(); });
      };
      made.end = [](slw_plugin *p, slw_status outcome, slw_error *err) noexcept {
        return guard(err, [&] { self(p).end(outcome); });
      };
      return made;
    }();
    return &t;
  }

 private:
  static Self &self(slw_plugin *p) { return *static_cast<Self *>(p); }
};

}  // namespace slipway
#define SLW_EXPORT_LOGGER(P) SLW_EXPORT_PLUGIN(P)
