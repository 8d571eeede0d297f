// Where a run stops when it is asked to, for the answer to the signal that asks.
#pragma once
#include <atomic>

namespace slipway {

// While one lives, "stopping " is followed by its words: "after this evaluation". Of several the
// innermost speaks; without one a run stops after the step under way. The words are a literal: they
// are read in a signal handler. [loop]
class StopsAt {
 public:
  explicit StopsAt(const char* words) : outer_(current_.exchange(words)) {}
  ~StopsAt() { current_.store(outer_); }
  StopsAt(const StopsAt&) = delete;
  StopsAt& operator=(const StopsAt&) = delete;

  static const char* words() { return current_.load(); }  // [any, signal handlers too]

 private:
  static inline std::atomic<const char*> current_{"after this step"};
  const char* outer_;
};

}  // namespace slipway
