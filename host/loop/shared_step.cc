// Watching, exchanging, agreeing.
#include "loop/shared_step.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/log.h"
#include "base/trace.h"
#include "model/weight_window.h"
#include "operators/flat_buffers.h"

namespace slipway {
namespace {

// Of the bits, so that a NaN equals itself.
uint64_t checksum(const at::Tensor& values) {
  const at::Tensor words = values.cpu().contiguous().view(at::kInt);
  const auto sum = [](const at::Tensor& of) {
    return static_cast<uint64_t>(of.sum(at::kLong).item<int64_t>());
  };
  return sum(words) + 31 * sum(words.slice(0, 0, words.numel(), 7));
}

bool is_same_on_all(RankGroup& ranks, const at::Tensor& own, const char* what) {
  const at::Tensor least = own.clone(), most = own.clone();
  ranks.all_reduce(least, Reduction::kMin, what);
  ranks.all_reduce(most, Reduction::kMax, what);
  return least.equal(most);
}

double without_value() { return std::numeric_limits<double>::max(); }

std::vector<size_t> trained_units(const FlatParameters& parameters) {
  std::vector<size_t> out;
  for (size_t u = 0; u < parameters.units().size(); ++u)
    if (parameters.is_trained(u)) out.push_back(u);
  return out;
}

// Autograd records what comes above it.
int32_t lowest_trained_segment(const FlatParameters& parameters) {
  int32_t lowest = std::numeric_limits<int32_t>::max() - 1;
  for (const ParameterSpec& spec : parameters.specs())
    if (spec.trainable) lowest = std::min(lowest, std::max(0, spec.segment));
  return lowest;
}

}  // namespace

SharedStep::SharedStep(const RankGrid& ranks, Model& model, at::ScalarType travels_as)
    : ranks_(ranks),
      model_(model),
      every_pass_(model.parameters().sharding().cuts_gradients()),
      exchange_(ranks, model.parameters(), travels_as),
      units_(trained_units(model.parameters())),
      lowest_(lowest_trained_segment(model.parameters())) {}

SharedStep::~SharedStep() { model_.tell_backward(nullptr); }

void SharedStep::begin(std::span<const int64_t> passes) {
  if (!every_pass_) return;
  own_.assign(passes.begin(), passes.end());
  const at::Tensor most = at::tensor(at::ArrayRef<int64_t>(own_), at::kLong);
  ranks_.all.all_reduce(most, Reduction::kMax, "the number of passes");
  most_.assign(most.const_data_ptr<int64_t>(), most.const_data_ptr<int64_t>() + own_.size());
}

void SharedStep::begin_pass(bool last) {
  if (!every_pass_ && !last) return;
  if (overlap_ == Overlap::kUnknown) overlap_ = Overlap::kWatched;
  squares_.clear();
  next_ = model_.info().segment_count - 1;
  model_.tell_backward([this](int32_t segment) { told(segment); });
}

// Whatever a model tells, every rank goes through the same segments.
void SharedStep::told(int32_t segment) {
  for (; next_ >= segment && next_ > lowest_; --next_) {
    if (overlap_ == Overlap::kWatched) watch_down_to(next_);
    if (overlap_ == Overlap::kYes) begin_down_to(next_);
    if (model_.window() != nullptr) model_.window()->behind(next_);
  }
}

void SharedStep::watch_down_to(int segment) {
  const FlatParameters& parameters = model_.parameters();
  for (size_t i = squares_.size();
       i < units_.size() && parameters.units()[units_[i]].completes >= segment; ++i)
    squares_.push_back(add_squares(0, parameters.grads_of(units_[i])));
}

void SharedStep::begin_down_to(int segment) {
  while (begun_ < units_.size() && model_.parameters().units()[units_[begun_]].completes >= segment)
    exchange_.begin(units_[begun_++]);
}

void SharedStep::judge_what_was_watched() {
  overlap_ = squares_.empty() ? Overlap::kUnknown : Overlap::kYes;
  const FlatParameters& parameters = model_.parameters();
  for (size_t i = 0; i < squares_.size() && overlap_ == Overlap::kYes; ++i)
    // not <: a NaN is for those who look at the sums
    if (const double now = add_squares(0, parameters.grads_of(units_[i]));
        squares_[i] < now || squares_[i] > now) {
      overlap_ = Overlap::kNo;
      log_warn_for_all(
          "the model says that segment {} reads parameters whose gradients change after its "
          "backward pass: gradients are exchanged after the whole pass, which takes longer",
          parameters.units()[units_[i]].completes);
    }
  if (every_pass_ && ranks_.all.bits_of_any(overlap_ == Overlap::kNo ? 1 : 0,
                                            "whether gradients are complete") != 0)
    overlap_ = Overlap::kNo;
}

void SharedStep::exchange_the_rest() {
  model_.tell_backward(nullptr);
  if (overlap_ == Overlap::kWatched) judge_what_was_watched();
  begin_down_to(0);
  exchange_.finish();
  begun_ = 0;
}

void SharedStep::end_pass() {
  if (!every_pass_) return;
  const TraceScope trace("dist", "gradients");
  told(lowest_ + 1);
  exchange_the_rest();
  if (model_.window() != nullptr) model_.window()->rest();
}

void SharedStep::pass_by(size_t micro_batch) {
  if (!every_pass_) return;
  for (int64_t pass = own_[micro_batch]; pass < most_[micro_batch]; ++pass) {
    begin_pass(false);
    if (model_.window() != nullptr) model_.window()->pass_by();
    end_pass();
  }
}

SharedStep::Sums SharedStep::finish(double loss, bool stop) {
  const TraceScope trace("dist", "gradients");
  if (!every_pass_) exchange_the_rest();
  const at::Tensor numbers = at::tensor({loss, stop ? 1.0 : 0.0}, at::kDouble);
  ranks_.all.all_reduce(numbers, Reduction::kSum, "the loss");
  const double* const sums = numbers.const_data_ptr<double>();
  return {sums[0], sums[1] > 0};
}

double SharedStep::grad_norm() {
  if (!every_pass_) return model_.parameters().grad_norm();
  const at::Tensor squares = at::tensor({model_.parameters().grad_squares()}, at::kDouble);
  ranks_.within.all_reduce(squares, Reduction::kSum, "the gradients' norm");
  return std::sqrt(squares.item<double>());
}

void SharedStep::gather_weights() {
  const FlatParameters& parameters = model_.parameters();
  if (!parameters.sharding().cuts_updates() || parameters.sharding().cuts_weights()) return;
  const TraceScope trace("dist", "weights");
  std::vector<std::unique_ptr<Exchange>> under_way;
  for (const size_t unit : units_)
    under_way.push_back(ranks_.within.begin_all_gather(parameters.own_weights(unit),
                                                       parameters.weights_of(unit), "the weights"));
  for (const std::unique_ptr<Exchange>& each : under_way) each->wait();
}

void SharedStep::require_same(const TrainAccess::Step& asked) {
  const std::array<double, 3> own = {asked.skip ? 1.0 : 0.0,
                                     asked.learning_rate.value_or(without_value()),
                                     asked.clip_norm.value_or(without_value())};
  if (!is_same_on_all(ranks_.all,
                      at::tensor(at::ArrayRef<double>(own.data(), own.size()), at::kDouble),
                      "what callbacks ask for"))
    fail(
        "callbacks asked for different things on different ranks (a step passed over, another "
        "learning rate or clip): the weights would part. A callback that changes a step must do "
        "the same on every rank");
}

void require_equal_weights(const RankGrid& ranks, const FlatParameters& parameters,
                           const char* when) {
  RankGroup& same = parameters.sharding().cuts_weights() ? ranks.across : ranks.all;
  if (same.is_alone()) return;
  uint64_t own = 0;
  for (const at::Tensor& weights : parameters.kept_weights()) own = own * 31 + checksum(weights);
  if (!is_same_on_all(same, at::tensor({static_cast<int64_t>(own)}, at::kLong),
                      "a checksum of the weights"))
    fail("{}: the weights of the {} ranks differ", when, same.world());
}

}  // namespace slipway
