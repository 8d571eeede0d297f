// The estimate's arithmetic.
#include "loop/step_time_left.h"

#include <algorithm>

namespace slipway {

void StepTimeLeft::Usual::add(double took) {
  seconds = seconds ? (*seconds + took) / 2 : took;
  ++count;
}

std::optional<double> StepTimeLeft::Usual::times(double often) const {
  if (often <= 0) return 0;
  return seconds ? std::optional(*seconds * often) : std::nullopt;
}

void StepTimeLeft::enter(Part part, double now) {
  // what follows a step, as its row in the log, is the step's
  if (part_ == Part::kTrain && steps_ > 0) add_to_step(now);
  if (part_ == Part::kEvaluate) evaluation_.add(now - part_began_);
  if (part_ == Part::kSave) save_.add(now - part_began_);
  part_ = part;
  part_began_ = step_began_ = now;
}

void StepTimeLeft::count_step(double now) {
  ++steps_;
  add_to_step(now);
}

void StepTimeLeft::add_to_step(double now) {
  (steps_ == 1 ? first_step_ : later_steps_) += now - step_began_;
  step_began_ = now;
}

std::optional<double> StepTimeLeft::ending(const StepsLeft& left) const {
  if (left.written_behind) return *left.written_behind * (1 + end_share_);
  return save_.times(end_share_);
}

std::optional<double> StepTimeLeft::rest(const StepsLeft& left, double now) const {
  const std::optional<double> usual = part_ == Part::kEvaluate ? evaluation_.seconds
                                      : part_ == Part::kSave   ? save_.seconds
                                      : part_ == Part::kEnd ? (save_.count > 0 ? ending(left) : 0)
                                                            : 0;
  if (!usual) return std::nullopt;
  return std::max(0.0, *usual - (part_ == Part::kTrain ? 0 : now - part_began_));
}

std::optional<double> StepTimeLeft::seconds_left(const StepsLeft& left, double now) const {
  if (!left.evaluations || (left.steps > 0 && steps_ == 0)) return std::nullopt;
  const auto evaluations = static_cast<double>(*left.evaluations);
  if (!left.saves && evaluations > 0 && evaluation_.count == 0) return std::nullopt;
  const double saves = left.saves              ? static_cast<double>(*left.saves)
                       : evaluation_.count > 0 ? evaluations * static_cast<double>(save_.count) /
                                                     static_cast<double>(evaluation_.count)
                                               : 0;
  const double step = steps_ > 1 ? later_steps_ / static_cast<double>(steps_ - 1) : first_step_;
  const bool ends_like_a_save = part_ != Part::kEnd && (save_.count > 0 || saves > 0);
  const std::optional<double> evaluating = evaluation_.times(evaluations),
                              saving = save_.times(saves),
                              end = ends_like_a_save ? ending(left) : 0, here = rest(left, now);
  if (!evaluating || !saving || !end || !here) return std::nullopt;
  return static_cast<double>(left.steps) * step + *evaluating + *saving + *end + *here;
}

StepTimeLeft::Estimate StepTimeLeft::at(const StepsLeft& left, double now) {
  const Estimate out{told_, seconds_left(left, now)};
  const double spent = now - run_began_;
  const double all_steps = static_cast<double>(steps_ + left.steps),
               here = out.seconds     ? spent / std::max(1e-9, spent + *out.seconds)
                      : all_steps > 0 ? static_cast<double>(steps_) / all_steps
                                      : 0;
  told_ = std::max(told_, done_before_ + (1 - done_before_) * std::clamp(here, 0.0, 1.0));
  return {told_, out.seconds};
}

}  // namespace slipway
