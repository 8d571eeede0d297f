// What slipway.host.train/1 reaches: the model in training, while an event is being delivered.
#pragma once
#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "slipway/callback.h"

namespace slipway {

// The loop owns one; plugin instances point to it. Touched on the loop's thread alone, but for what
// tells whether it may be: a plugin may ask from any thread, and is refused.
struct TrainAccess {
  // What callbacks asked for the step under way.
  struct Step {
    std::optional<double> learning_rate, clip_norm;
    bool skip = false;
  };

  // What tensor() gives of a parameter, for a role; the shape lives as long as this.
  struct Shard {
    std::span<const int64_t> shape;
    int64_t offset, count;
  };

  std::vector<std::string> names;  // of the trainable parameters
  // A view of one of them; throws Error when there is no such tensor. The view's shape lives as
  // long as this.
  std::function<DLTensor(uint32_t index, slw_role role, std::string_view slot)> tensor;
  std::function<Shard(uint32_t index, slw_role role)> shard;
  std::function<void()> end_event;  // when an event was delivered: takes back what was lent
  Step step;
  std::atomic<slw_event_type> event = -1;  // being delivered; -1 = none, and every call is refused
  std::atomic<std::thread::id> thread;     // the one that delivers it
};

}  // namespace slipway
