// Text that a signal handler puts together, without allocating, and writes at once: other threads
// may be speaking at the same moment.
#pragma once
#include <unistd.h>

#include <climits>
#include <cstddef>

namespace slipway {

// Async-signal-safe. What is longer than a path and a sentence is cut.
class SignalText {
 public:
  SignalText& add(const char* text) {  // nullptr: nothing
    for (; text != nullptr && *text != '\0' && size_ < sizeof text_; ++text) text_[size_++] = *text;
    return *this;
  }
  // to standard error; where that fails nobody is left to tell
  void write() const { (void)!::write(STDERR_FILENO, text_, size_); }

 private:
  char text_[PATH_MAX + 512];
  size_t size_ = 0;
};

}  // namespace slipway
