// Moves memory of devices between the ranks of a group, as a module offers it: NCCL. This header
// knows neither LibTorch, nor CUDA, nor NCCL. What fails throws std::exception.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "dist/rank_group.h"

namespace slipway {

enum class WireType { kFloat32, kFloat64, kBfloat16, kInt64 };

// One rank's end. Every rank makes the same calls in the same order, from one thread at a time;
// each returns at once, and gives what it asks for to a lane of the rank's device (WorkLane's
// handle), where it is done once all ranks have come to it. Memory is the device's, and the
// caller's again once the lane has come past it.
class DeviceWire {
 public:
  // kUnderWay: what was called last has not been given to its lane yet, or the others have not
  // come to the connecting; until then nothing else may be called but abort().
  enum class State { kReady, kUnderWay, kFailed };

  // Breaks off what is under way, unless finish() was called and the state is kReady.
  virtual ~DeviceWire() = default;

  // Also tells of a failure in what lanes have been given. Any thread.
  virtual State state() = 0;
  virtual std::string problem() = 0;  // of kFailed. Any thread

  // Counts are of values: of x; of `own`, and `whole` has that of each rank.
  virtual void all_reduce(void* x, size_t count, WireType type, Reduction reduction,
                          void* lane) = 0;
  virtual void reduce_scatter(const void* whole, void* own, size_t count, WireType type,
                              void* lane) = 0;
  virtual void all_gather(const void* own, void* whole, size_t count, WireType type,
                          void* lane) = 0;
  virtual void broadcast(void* x, size_t count, WireType type, int64_t from, void* lane) = 0;

  // The end without a loss: all ranks come to it, and nothing else is called then.
  virtual void finish() = 0;
  // Breaks off what lanes do and wait for: they go on, with memory that holds anything. Any thread,
  // also while another call is under way; afterwards the state is kFailed, and calls throw.
  virtual void abort() noexcept = 0;
};

// A library that connects devices.
class DeviceWires {
 public:
  virtual ~DeviceWires() = default;
  virtual std::string version() const = 0;  // "2.32.3"
  virtual std::string library() const = 0;  // the file it was loaded from
  // What tells one connecting from others: one rank asks for it and tells the rest. It names an
  // address where this process listens from here on.
  virtual std::string new_meeting() = 0;
  // Connects the device that the calling thread works on with those of the other ranks. Returns at
  // once: all have come when the state is kReady.
  virtual std::unique_ptr<DeviceWire> connect(const std::string& meeting, int64_t rank,
                                              int64_t world) = 0;
};

// What the module exports under the name kOpenDeviceWires: `library` is a file, or a name that the
// system's loader and the module's run path know. nullptr, and why as text, where it cannot be
// loaded or is too old.
constexpr const char* kOpenDeviceWires = "slipway_open_device_wires_1";
using OpenDeviceWires = DeviceWires*(const char* library, char* fault, size_t size);

}  // namespace slipway
