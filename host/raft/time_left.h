// How far a RAFT run is and how long it will take, by what the parts of its iterations took so far.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace slipway {

// In the order of an iteration. kEnd comes once, after the last one: the final model is written.
enum class RaftPart : uint8_t { kSave, kGenerate, kScore, kTrain, kEvaluate, kEnd };
inline constexpr size_t kRaftParts = 6;

struct RaftShape {
  int64_t iterations = 1;
  bool saves = true;       // a checkpoint at each iteration's start
  bool evaluates = true;   // the starting model, and after the last iteration
  int64_t eval_every = 1;  // and after every so many; 0 = those alone
};

// A part lasts from its enter() to the next, so that nothing is between the parts. Seconds are of
// any clock that does not go back. [loop]
class TimeLeft {
 public:
  explicit TimeLeft(const RaftShape& shape) : shape_(shape) {}

  // `iteration` counts from 0; the evaluation of the starting model is that of iteration -1.
  // `done`: the share of the part that an earlier process did.
  void enter(RaftPart part, int64_t iteration, double now, double done = 0);

  // Seconds of writing a checkpoint where that goes on beside the iterations: the end waits for the
  // last.
  void written_behind(std::optional<double> seconds) { written_behind_ = seconds; }

  struct Estimate {
    double fraction = 0;            // of the whole run, by time; never falls
    std::optional<double> seconds;  // nothing until every part that is left was seen once
  };
  // When `done` of the part is done.
  Estimate at(double done, double now);

 private:
  bool occurs(RaftPart part, int64_t iteration) const;
  // What the part takes; nothing when that is not known.
  std::optional<double> usual(RaftPart part) const;
  // What is left of the part under way.
  std::optional<double> rest(double done, double now) const;
  // The seconds of everything before, or after, the part under way, which takes `here`; what is not
  // known counts as `guess`, and makes `known` false.
  double others(bool after, std::optional<double> here, double guess, bool& known) const;

  const RaftShape shape_;
  // The mean of the last one and of what was thought before it.
  std::array<std::optional<double>, kRaftParts> seconds_;
  std::optional<double> written_behind_;
  bool entered_ = false;
  RaftPart part_ = RaftPart::kSave;
  int64_t iteration_ = -1;
  double began_ = 0, done_before_ = 0, told_ = 0;
};

}  // namespace slipway
