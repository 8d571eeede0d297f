// How much memory the process holds, and what the stages of a run add to it: the memory metrics of
// the Hugging Face Trainer.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"

namespace slipway {

// The resident memory of this process and the most it ever was, in bytes, as the kernel counts
// them; 0 where it does not tell.
struct ResidentMemory {
  int64_t now = 0, peak = 0;
};
ResidentMemory resident_memory();

// Lets the peak begin again at what is held now. False where the kernel does not let us: then it is
// that of the whole process.
bool reset_peak_memory();

// Costs two reads of /proc a stage, and nothing while one runs: the kernel keeps the peak.
class MemoryMetrics {
 public:
  explicit MemoryMetrics(bool on) : on_(on) {}

  // "init", "train", "eval", "test". One that begins within another is not measured.
  void begin(const std::string& stage);
  // Ends the stage; {} when it was not measured. Otherwise <stage>_mem_cpu_alloc_delta, what it
  // holds at its end over its begin, and <stage>_mem_cpu_peaked_delta, how far its peak lay above
  // its end. "init" is told with the first stage after it, together with before_init_mem_cpu, what
  // was held when it began.
  Json end(const std::string& stage);

 private:
  struct Deltas {
    int64_t begin, alloc, peaked;
  };
  bool on_;
  std::string current_;
  ResidentMemory at_begin_;
  bool peak_is_ours_ = false;
  std::optional<Deltas> init_;
};

}  // namespace slipway
