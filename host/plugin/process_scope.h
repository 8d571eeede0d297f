// What belongs to the whole process, and a plugin can change: the working folder and the umask. The
// host's files lie where they should, and with the rights they should have, whatever a plugin
// leaves behind.
#pragma once
#include <cstdint>

namespace slipway {

// As before a call, of which there are few and which does much: whatever it left is put right, with
// a warning that names it. [any]
class ProcessScope {
 public:
  ProcessScope(const char* plugin, const char* function);
  ~ProcessScope();
  ProcessScope(const ProcessScope&) = delete;
  ProcessScope& operator=(const ProcessScope&) = delete;

 private:
  const char *plugin_, *function_;
  int folder_;
  long umask_;  // -1: not known
};

// As when this was made, for calls that come with every step and cost too little to be looked at
// one by one.
class ProcessWatch {
 public:
  ProcessWatch();
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;
  // Puts right what was changed since the last look; the first time a warning names the step. Less
  // than a microsecond. [loop]
  void look(int64_t step);

 private:
  int folder_;
  long umask_;
  bool told_folder_ = false, told_umask_ = false;
};

}  // namespace slipway
