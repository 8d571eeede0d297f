// A call that may never return.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace slipway {

// What `call` will return or throw. The thread that it runs on may be left behind, so it must own
// what it uses.
template <class Call>
auto on_own_thread(Call call) -> std::future<decltype(call())> {
  std::promise<decltype(call())> promise;
  auto result = promise.get_future();
  std::thread([call = std::move(call), promise = std::move(promise)]() mutable {
    try {
      promise.set_value(call());
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  }).detach();
  return result;
}

// What `call` returns or throws; nothing where it takes longer than `seconds`.
template <class Call>
auto within_limit(double seconds, Call call) -> std::optional<decltype(call())> {
  auto result = on_own_thread(std::move(call));
  const auto limit = std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  if (result.wait_for(limit) != std::future_status::ready) return std::nullopt;
  return result.get();
}

// How often a call has got on.
using Progress = std::shared_ptr<std::atomic<int64_t>>;

// What call(progress) returns or throws; nothing where it adds nothing to its progress for
// `seconds`. A time in which this process itself was stopped does not count.
template <class Call>
auto while_it_gets_on(double seconds, Call call) -> std::optional<decltype(call(Progress()))> {
  using Clock = std::chrono::steady_clock;
  constexpr double kTick = 0.05;
  const auto progress = std::make_shared<std::atomic<int64_t>>(0);
  auto result = on_own_thread([call = std::move(call), progress] { return call(progress); });
  double silence = 0;
  int64_t seen = 0;
  for (auto before = Clock::now(); silence <= seconds;) {
    if (result.wait_for(std::chrono::duration<double>(kTick)) == std::future_status::ready)
      return result.get();
    const auto now = Clock::now();
    silence += std::min(std::chrono::duration<double>(now - before).count(), 4 * kTick);
    before = now;
    if (const int64_t steps = progress->load(); std::exchange(seen, steps) != steps) silence = 0;
  }
  return std::nullopt;
}

}  // namespace slipway
