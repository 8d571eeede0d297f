// A call that may never return.
#pragma once
#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace slipway {

// What `call` returns or throws; nothing where it takes longer than `seconds`: the thread that it
// runs on is left behind then, so it must own what it uses.
template <class Call>
auto within_limit(double seconds, Call call) -> std::optional<decltype(call())> {
  using Result = decltype(call());
  std::promise<Result> promise;
  std::future<Result> result = promise.get_future();
  std::thread([call = std::move(call), promise = std::move(promise)]() mutable {
    try {
      promise.set_value(call());
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  }).detach();
  const auto limit = std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  if (result.wait_for(limit) != std::future_status::ready) return std::nullopt;
  return result.get();
}

}  // namespace slipway
