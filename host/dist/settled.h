// Waiting for a wire between devices to do what it was asked for.
#pragma once
#include <chrono>
#include <thread>

#include "dist/device_wire.h"

namespace slipway {

// Whether the wire's state is kReady within so many seconds; false at once where it failed or
// `goes_on()` is false. That is called some hundred times a second, and may throw.
template <class GoesOn>
bool settled(DeviceWire& wire, double seconds, const GoesOn& goes_on) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  for (;;) {
    const DeviceWire::State state = wire.state();
    if (state != DeviceWire::State::kUnderWay) return state == DeviceWire::State::kReady;
    const std::chrono::duration<double> passed = Clock::now() - begin;
    if (passed.count() > seconds) return false;
    if (passed.count() < 2e-4) {  // what it takes where the ranks are connected
      std::this_thread::yield();
      continue;
    }
    if (!goes_on()) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(passed.count() < 0.01 ? 100 : 5000));
  }
}

}  // namespace slipway
