// Watching, exchanging, agreeing.
#include "loop/shared_step.h"

#include <array>
#include <limits>

#include "base/error.h"
#include "base/log.h"
#include "base/trace.h"
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

}  // namespace

SharedStep::SharedStep(RankGroup& ranks, Model& model, int64_t fewest)
    : ranks_(ranks), model_(model), units_(gradient_units(model.parameters(), fewest)) {}

SharedStep::~SharedStep() { model_.tell_backward(nullptr); }

void SharedStep::begin_last_pass() {
  if (overlap_ == Overlap::kNo) return;
  if (overlap_ == Overlap::kUnknown) overlap_ = Overlap::kWatched;
  squares_.clear();
  model_.tell_backward([this](int32_t segment) { begin_down_to(segment); });
}

void SharedStep::begin_down_to(int segment) {
  if (overlap_ == Overlap::kWatched) {  // not once it is finish() that calls
    for (size_t i = squares_.size(); i < units_.size() && units_[i].segment >= segment; ++i)
      squares_.push_back(add_squares(0, units_[i].grads));
    return;
  }
  while (under_way_.size() < units_.size() && units_[under_way_.size()].segment >= segment) {
    const TraceScope trace("dist", "begin", "unit", static_cast<int64_t>(under_way_.size()));
    under_way_.push_back(
        ranks_.begin_all_reduce(units_[under_way_.size()].grads, Reduction::kSum, "the gradients"));
  }
}

SharedStep::Sums SharedStep::finish(double loss, bool stop) {
  const TraceScope trace("dist", "gradients");
  model_.tell_backward(nullptr);
  if (overlap_ == Overlap::kWatched) {
    overlap_ = squares_.empty() ? Overlap::kUnknown : Overlap::kYes;
    for (size_t i = 0; i < squares_.size() && overlap_ == Overlap::kYes; ++i)
      // not <: a NaN is for those who look at the sums
      if (const double now = add_squares(0, units_[i].grads);
          squares_[i] < now || squares_[i] > now) {
        overlap_ = Overlap::kNo;
        log_warn_for_all(
            "the model says that segment {} reads parameters whose gradients change after its "
            "backward pass: gradients are exchanged after the whole pass, which takes longer",
            units_[i].segment);
      }
  }
  begin_down_to(0);
  for (const std::unique_ptr<Exchange>& each : under_way_) each->wait();
  under_way_.clear();
  const at::Tensor numbers = at::tensor({loss, stop ? 1.0 : 0.0}, at::kDouble);
  ranks_.all_reduce(numbers, Reduction::kSum, "the loss");
  const double* const sums = numbers.const_data_ptr<double>();
  return {sums[0], sums[1] > 0};
}

void SharedStep::gather_weights() {
  const FlatParameters& parameters = model_.parameters();
  if (parameters.ranks() == 1) return;
  const TraceScope trace("dist", "weights");
  std::vector<std::unique_ptr<Exchange>> under_way;
  for (const FlatParameters::Group& group : parameters.groups())
    for (int64_t rank = 0; group.trainable && rank < ranks_.world(); ++rank)
      if (const auto [begin, count] = parameters.slice(group, rank); count > 0)
        under_way.push_back(
            ranks_.begin_broadcast(group.weights.narrow(0, begin, count), rank, "the weights"));
  for (const std::unique_ptr<Exchange>& each : under_way) each->wait();
}

void SharedStep::require_same(const TrainAccess::Step& asked) {
  const std::array<double, 3> own = {asked.skip ? 1.0 : 0.0,
                                     asked.learning_rate.value_or(without_value()),
                                     asked.clip_norm.value_or(without_value())};
  if (!is_same_on_all(ranks_, at::tensor(at::ArrayRef<double>(own.data(), own.size()), at::kDouble),
                      "what callbacks ask for"))
    fail(
        "callbacks asked for different things on different ranks (a step passed over, another "
        "learning rate or clip): the weights would part. A callback that changes a step must do "
        "the same on every rank");
}

void require_equal_weights(RankGroup& ranks, const FlatParameters& parameters, const char* when) {
  if (ranks.is_alone()) return;
  uint64_t own = 0;
  for (const FlatParameters::Group& group : parameters.groups())
    own = own * 31 + checksum(group.weights);
  if (!is_same_on_all(ranks, at::tensor({static_cast<int64_t>(own)}, at::kLong),
                      "a checksum of the weights"))
    fail("{}: the weights of the {} ranks differ", when, ranks.world());
}

}  // namespace slipway
