// SPDX-License-Identifier: Apache-2.0
// callback.hpp -- a callback in C++: derive, say which events, implement on_event(), export.
#pragma once
#include "core.hpp"

namespace slipway {

// Self: static constexpr uint64_t events (bits 1 << SLW_ON_...), void on_event(const slw_event &,
// uint32_t &control); may define static constexpr int32_t order, std::string save() and void
// load(std::string_view) for state kept in checkpoints.
template <class Self>
class Callback : public WithoutOptions {
 public:
  static constexpr uint32_t kKind = SLW_KIND_CALLBACK;
  static constexpr const char *kInterface = SLW_CALLBACK;
  static constexpr int32_t order = 0;
  std::string save() { return ""; }
  void load(std::string_view) {}

  static const slw_callback *table() {
    static const slw_callback t{
        sizeof t,
        Self::order,
        Self::events,
        [](slw_plugin *p, const slw_event *event, uint32_t *control, slw_error *err) noexcept {
          return guard(err, [&] { static_cast<Self *>(p)->on_event(*event, *control); });
        },
        [](slw_plugin *p, slw_ostream *out, slw_error *err) noexcept {
          return guard(err, [&] {
            const std::string state = static_cast<Self *>(p)->save();
            for (size_t done = 0; done < state.size();) {
              const int64_t n = out->write(out, state.data() + done, state.size() - done);
              if (n <= 0) throw Error(SLW_DATA_LOSS, "the host did not take the state");
              done += static_cast<size_t>(n);
            }
          });
        },
        [](slw_plugin *p, slw_istream *in, slw_error *err) noexcept {
          return guard(err, [&] {
            std::string state;
            char part[4096];
            for (int64_t n; (n = in->read(in, part, sizeof part)) != 0;) {
              if (n < 0) throw Error(SLW_DATA_LOSS, "the state cannot be read");
              state.append(part, static_cast<size_t>(n));
            }
            static_cast<Self *>(p)->load(state);
          });
        }};
    return &t;
  }
};

}  // namespace slipway
#define SLW_EXPORT_CALLBACK(P) SLW_EXPORT_PLUGIN(P)
