// Gathering and releasing.
#include "model/weight_window.h"

#include <algorithm>

#include "base/trace.h"

namespace slipway {
namespace {

constexpr int32_t kNoSegment = -2, kAllSegments = -1;

}  // namespace

WeightWindow::WeightWindow(RankGroup& ranks, FlatParameters& parameters, int32_t segments,
                           at::ScalarType travels_as)
    : ranks_(ranks),
      parameters_(parameters),
      segments_(segments),
      travels_as_(travels_as),
      state_(parameters.units().size(), Unit::kAway),
      coming_(parameters.units().size()) {}

WeightWindow::~WeightWindow() = default;

bool WeightWindow::is_read_by(size_t unit, int32_t segment) const {
  const std::vector<int>& readers = parameters_.units()[unit].readers;
  if (segment == kNoSegment) return false;
  return segment == kAllSegments || readers.empty() ||
         std::ranges::find(readers, segment) != readers.end();
}

void WeightWindow::enter(int32_t segment) {
  if (held_ > 0 || backward_) return;
  move_to(segment, segment + 1 < segments_ ? segment + 1 : kNoSegment);
}

void WeightWindow::behind(int32_t segment) {
  backward_ = true;
  if (held_ > 0) return;
  move_to(segment - 1, segment >= 2 ? segment - 2 : kNoSegment);
}

void WeightWindow::pass_by() {
  begin_forward();
  for (int32_t segment = 0; segment < segments_; ++segment) enter(segment);
}

void WeightWindow::rest() {
  backward_ = false;
  if (held_ == 0) move_to(kNoSegment, kNoSegment);
}

void WeightWindow::hold_all() {
  if (held_++ > 0) return;
  if (travels_as_ != at::kFloat) move_to(kNoSegment, kNoSegment);  // what is there is rounded
  move_to(kAllSegments, kNoSegment);
}

void WeightWindow::let_go() {
  if (--held_ == 0) rest();
}

void WeightWindow::move_to(int32_t segment, int32_t next) {
  const TraceScope trace("dist", "weights", "segment", segment);
  for (size_t u = 0; u < state_.size(); ++u)
    if (state_[u] != Unit::kAway && !is_read_by(u, segment) && !is_read_by(u, next)) release(u);
  for (const int32_t wanted : {segment, next})
    for (size_t u = 0; u < state_.size(); ++u)
      if (state_[u] == Unit::kAway && is_read_by(u, wanted))
        gather(u, segment == kAllSegments ? at::kFloat : travels_as_);
  for (size_t u = 0; u < state_.size(); ++u)
    if (is_read_by(u, segment)) wait(u);
}

void WeightWindow::gather(size_t unit, at::ScalarType travels_as) {
  parameters_.hold_weights(unit);
  Coming& coming = coming_[unit];
  at::Tensor to = parameters_.weights_of(unit);
  const at::Tensor own = parameters_.own_weights(unit).to(travels_as);
  if (travels_as != at::kFloat) to = coming.rounded = at::empty(to.sizes(), own.options());
  coming.exchange = ranks_.begin_all_gather(own, to, "the weights");
  state_[unit] = Unit::kComing;
}

void WeightWindow::wait(size_t unit) {
  if (state_[unit] != Unit::kComing) return;
  Coming& coming = coming_[unit];
  coming.exchange->wait();
  if (coming.rounded.defined()) parameters_.weights_of(unit).copy_(coming.rounded);
  coming = {};
  state_[unit] = Unit::kThere;
}

void WeightWindow::release(size_t unit) {
  wait(unit);
  parameters_.release_weights(unit);
  state_[unit] = Unit::kAway;
}

}  // namespace slipway
