// Values that ranks keep in slices, whole for the one that writes them: unit by unit, so that no
// rank ever has all of them.
#pragma once
#include <vector>

#include "dist/rank_grid.h"
#include "model/model.h"
#include "optim/optimizer.h"

namespace slipway {

// Every rank makes one; rank 0 then writes and says done() when it has, the others serve() until it
// does. Where nothing is cut, all of it does nothing. [loop]
class WholeValues {
 public:
  // All outlive this.
  WholeValues(const RankGrid& ranks, Model& model, const Optimizer& optimizer);

  // The optimizer's slots as they are where nothing is shared, whose values bring() brings; empty
  // where it is not shared.
  const std::vector<Optimizer::Slot>& slots() const { return slots_; }
  // On rank 0: the values of the unit at this address, in the model's weights or in slots(), are in
  // memory until the next call. Throws RankLost.
  void bring(const void* values);
  void done();
  void serve();

 private:
  struct Wanted {
    int64_t what = kNothing;  // or a slot's number
    int64_t unit = 0;
    bool operator==(const Wanted&) const = default;
  };
  static constexpr int64_t kNothing = -2, kWeights = -1;

  Wanted wanted_at(const float* values) const;
  // What every rank does when rank 0 wants something.
  void give(const Wanted& wanted);
  void release();
  at::Tensor whole_of(const Wanted& wanted) const;

  const RankGrid ranks_;
  FlatParameters& parameters_;
  const Optimizer& optimizer_;
  std::vector<Optimizer::Slot> slots_;
  Wanted here_;
};

}  // namespace slipway
