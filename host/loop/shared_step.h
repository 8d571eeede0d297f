// An optimizer step that several processes take together: their gradients are summed while the
// backward pass goes on, and what they must agree on travels in one small exchange.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "dist/rank_group.h"
#include "loop/gradient_units.h"
#include "model/model.h"
#include "plugin/train_access.h"

namespace slipway {

class SharedStep {
 public:
  // Of a model that has the same weights on every rank of a group of several; both outlive this.
  // `fewest` as gradient_units() has it.
  SharedStep(RankGroup& ranks, Model& model, int64_t fewest = kFewestExchanged);
  ~SharedStep();
  SharedStep(const SharedStep&) = delete;
  SharedStep& operator=(const SharedStep&) = delete;

  RankGroup& ranks() { return ranks_; }

  // The last backward pass of a step comes next: each unit of the gradients is summed over the
  // ranks from when it is complete. In the first step it is only watched whether the gradients of
  // the segments are complete when the model says so; where they are not, that is said, and
  // gradients are summed after the backward pass. [loop]
  void begin_last_pass();

  struct Sums {
    double loss;
    bool stop;  // a rank was asked to
  };
  // All gradients are sums over the ranks when it returns, and so is `loss`. Ranks that had no last
  // pass call it all the same. Throws RankLost. [loop]
  Sums finish(double loss, bool stop);

  // After an update that the ranks shared (FlatParameters::share_updates): every rank gets the
  // slices of all. Without that, nothing. [loop]
  void gather_weights();

  // What callbacks asked for the step. Throws Error where those of another rank asked for something
  // else: the weights would part. [loop]
  void require_same(const TrainAccess::Step& asked);

 private:
  // Units that are complete once `segment` is behind are exchanged.
  void begin_down_to(int segment);

  RankGroup& ranks_;
  Model& model_;
  const std::vector<GradientUnit> units_;
  std::vector<std::unique_ptr<Exchange>> under_way_;
  enum class Overlap { kUnknown, kWatched, kYes, kNo } overlap_ = Overlap::kUnknown;
  std::vector<double> squares_;  // of each unit, when it was said to be complete
};

// Whether the weights of all ranks have the same bits. Throws Error where they differ, with `when`
// ("at the start"). [loop]
void require_equal_weights(RankGroup& ranks, const FlatParameters& parameters, const char* when);

}  // namespace slipway
