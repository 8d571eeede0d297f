// The tables behind the service ids, one file each, and how such a function finds its way back and
// answers.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>

#include "plugin/services.h"

namespace slipway {

extern const slw_host_random kRandomService;
extern const slw_host_metrics kMetricsService;
extern const slw_host_text kTextService;
extern const slw_host_store kStoreService;
extern const slw_host_workers kWorkersService;
extern const slw_host_thread_check kThreadCheckService;
extern const slw_host_train kTrainService;

inline HostServices& services_of(const slw_host* host) {
  return *static_cast<HostServices*>(host->ctx);
}

inline std::string_view view(slw_str text) {
  return text.data != nullptr ? std::string_view(text.data, text.size) : std::string_view();
}

// Fills the plugin's error buffer, as much of it as there is, and gives `status` back.
inline slw_status refuse(slw_error* error, slw_status status, std::string_view text) noexcept {
  if (error == nullptr) return status;
  if (error->struct_size >= offsetof(slw_error, where)) error->code = status;
  if (error->struct_size <= offsetof(slw_error, message)) return status;
  const size_t room =
      std::min<size_t>(error->struct_size - offsetof(slw_error, message), sizeof error->message) -
      1;
  const size_t size = std::min(room, text.size());
  std::memcpy(error->message, text.data(), size);
  error->message[size] = '\0';
  return status;
}

// The host's side of the barrier: body() -> slw_status, and whatever it throws becomes a status
// with text.
template <class Body>
slw_status answer(slw_error* error, Body&& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return refuse(error, SLW_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return refuse(error, SLW_INTERNAL, e.what());
  } catch (...) {
    return refuse(error, SLW_UNKNOWN, "unknown exception");
  }
}

}  // namespace slipway
