// Sums of the gradients over ranks, unit by unit.
#pragma once
#include <cstddef>
#include <deque>
#include <memory>

#include "dist/rank_grid.h"
#include "model/parameters.h"

namespace slipway {

class UnitExchange {
 public:
  // Both outlive this. `travels_as`: float32, or bfloat16, to which gradients are rounded for the
  // way; they are added in float32 and the sum is rounded once more.
  UnitExchange(const RankGrid& ranks, FlatParameters& parameters, at::ScalarType travels_as);
  ~UnitExchange();
  UnitExchange(const UnitExchange&) = delete;
  UnitExchange& operator=(const UnitExchange&) = delete;

  // The gradients of a trained unit are complete on this rank. Once finish() has returned they are
  // the sums over all ranks; where gradients are cut, the sum of this rank's slice is added to what
  // it keeps, and the whole ones are zeros without memory. So are the earliest of several that are
  // under way. Every rank begins the same units in the same order. Throw RankLost. [loop]
  void begin(size_t unit);
  void finish();

 private:
  struct UnderWay {
    size_t unit;
    at::Tensor summed;  // what becomes the sum
    std::unique_ptr<Exchange> exchange;
    bool across = false;  // it is the slice of all ranks within that is being summed across
  };
  void sum_across(UnderWay& each);
  void finish_first();

  const RankGrid ranks_;
  FlatParameters& parameters_;
  const at::ScalarType travels_as_;
  std::deque<UnderWay> under_way_;
};

}  // namespace slipway
