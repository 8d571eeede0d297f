// What loggers are told while a RAFT run goes on: the part under way, how far it is, the time left.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "generate/generate.h"
#include "loop/run.h"
#include "raft/time_left.h"

namespace slipway {

// All of it is passing (Run::progress): what nobody takes in time is dropped. [loop]
class RaftProgress {
 public:
  using More = std::vector<std::pair<std::string, double>>;

  RaftProgress(Run& run, const RaftShape& shape) : run_(run), shape_(shape), left_(shape) {}

  // The part begins, and is told.
  void enter(RaftPart part, int64_t iteration, double done = 0);
  void tell(double done, More more = {});
  void tell(const GenerationProgress& progress);
  // A checkpoint is written within the part under way.
  void tell_saving();
  // The run has come to its end.
  void tell_end();
  // What an iteration's answers gave, before anything is trained on them: the row of the iteration
  // comes after that. Not passing.
  void tell_sampled(const Json& row);

 private:
  void tell_phase(RaftPart part, const TimeLeft::Estimate& estimate, More more);

  Run& run_;
  const RaftShape shape_;
  TimeLeft left_;
  RaftPart part_ = RaftPart::kSave;
  int64_t iteration_ = -1;
  double began_ = 0, done_ = 0;
};

}  // namespace slipway
