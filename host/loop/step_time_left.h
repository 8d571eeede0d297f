// How far a run of steps is and how long it will take, with the evaluations and checkpoints among
// them, by what each took so far.
#pragma once
#include <cstdint>
#include <optional>

namespace slipway {

// What is still to come; nothing where it is not known how often. Checkpoints of the best model are
// as many of the evaluations as they were so far.
struct StepsLeft {
  int64_t steps = 0;
  std::optional<int64_t> evaluations = 0, saves = 0;
  // Seconds of writing a checkpoint where that goes on beside the steps: the end waits for the
  // last.
  std::optional<double> written_behind = std::nullopt;
};

// A part lasts from its enter() to the next, so that nothing is between the parts. Seconds are of
// any clock that does not go back. [loop]
class StepTimeLeft {
 public:
  // kEnd: the final model is written.
  enum class Part : uint8_t { kTrain, kEvaluate, kSave, kEnd };

  // `done`: the share of all steps that an earlier process did. `end_share`: of the time of a
  // checkpoint, what the final model takes.
  StepTimeLeft(double done, double end_share, double now)
      : done_before_(done), end_share_(end_share), run_began_(now), part_began_(now) {}

  void enter(Part part, double now);
  // A step is done, within kTrain.
  void count_step(double now);

  struct Estimate {
    double fraction = 0;            // of the whole run, by time as far as it is known; never falls
    std::optional<double> seconds;  // nothing until everything that is left was seen once
  };
  // `left`: behind the part under way.
  Estimate at(const StepsLeft& left, double now);

 private:
  void add_to_step(double now);
  std::optional<double> seconds_left(const StepsLeft& left, double now) const;
  // What is left of the part under way.
  std::optional<double> rest(const StepsLeft& left, double now) const;
  // What comes after the last step: what is still being written, and the final model.
  std::optional<double> ending(const StepsLeft& left) const;

  // The mean of the last one and of what was thought before it.
  struct Usual {
    std::optional<double> seconds;
    int64_t count = 0;
    void add(double took);
    std::optional<double> times(double often) const;  // 0 times is known
  };

  const double done_before_, end_share_, run_began_;
  Part part_ = Part::kTrain;
  double part_began_, step_began_ = 0;
  // The first step makes room for all others: it counts only while it is the only one.
  double first_step_ = 0, later_steps_ = 0;
  int64_t steps_ = 0;
  Usual evaluation_, save_;
  double told_ = 0;
};

}  // namespace slipway
