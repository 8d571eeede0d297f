// Reducing, scattering.
#include "loop/unit_exchange.h"

#include "base/trace.h"
#include "operators/flat_buffers.h"

namespace slipway {
namespace {

// Units whose whole gradients have memory at a time, where gradients are cut: the one that is being
// computed is another.
constexpr size_t kMostUnderWay = 4;

}  // namespace

UnitExchange::UnitExchange(const RankGrid& ranks, FlatParameters& parameters,
                           at::ScalarType travels_as)
    : ranks_(ranks), parameters_(parameters), travels_as_(travels_as) {}

UnitExchange::~UnitExchange() = default;

void UnitExchange::begin(size_t unit) {
  const TraceScope trace("dist", "begin", "unit", static_cast<int64_t>(unit));
  if (parameters_.sharding().cuts_gradients()) parameters_.hold_grads(unit);
  const at::Tensor whole = parameters_.grads_of(unit).to(travels_as_);
  if (!parameters_.sharding().cuts_gradients()) {
    under_way_.push_back(
        {unit, whole, ranks_.all.begin_all_reduce(whole, Reduction::kSum, "the gradients")});
    return;
  }
  if (under_way_.size() >= kMostUnderWay) finish_first();
  if (!ranks_.across.is_alone() && !under_way_.empty()) sum_across(under_way_.back());
  const at::Tensor own = at::empty({whole.numel() / parameters_.sharding().ranks}, whole.options());
  under_way_.push_back(
      {unit, own, ranks_.within.begin_reduce_scatter(whole, own, "the gradients")});
}

void UnitExchange::sum_across(UnderWay& each) {
  if (each.across) return;
  each.exchange->wait();
  parameters_.release_grads(each.unit);
  each.exchange = ranks_.across.begin_all_reduce(each.summed, Reduction::kSum, "the gradients");
  each.across = true;
}

void UnitExchange::finish_first() {
  UnderWay& first = under_way_.front();
  if (parameters_.sharding().cuts_gradients()) {
    sum_across(first);
    first.exchange->wait();
    at::Tensor kept = parameters_.own_grads(first.unit);
    add_to(kept, first.summed);
  } else {
    first.exchange->wait();
    at::Tensor whole = parameters_.grads_of(first.unit);
    if (travels_as_ != whole.scalar_type()) whole.copy_(first.summed);
  }
  under_way_.pop_front();
}

void UnitExchange::finish() {
  while (!under_way_.empty()) finish_first();
}

}  // namespace slipway
