// An optimizer step that several processes take together: their gradients are summed while the
// backward pass goes on, and what they must agree on travels in one small exchange.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dist/rank_grid.h"
#include "loop/unit_exchange.h"
#include "model/model.h"
#include "plugin/train_access.h"

namespace slipway {

// Where gradients are cut among ranks (ZeRO-2 and 3), every pass exchanges: ranks then take equally
// many, and one that has fewer passes by. Where they are not, only the last pass of a step does.
class SharedStep {
 public:
  // Of a model that has the same weights on every rank of a group of several; it outlives this, and
  // so do the groups. `travels_as` as UnitExchange has it.
  SharedStep(const RankGrid& ranks, Model& model, at::ScalarType travels_as = at::kFloat);
  ~SharedStep();
  SharedStep(const SharedStep&) = delete;
  SharedStep& operator=(const SharedStep&) = delete;

  RankGroup& ranks() { return ranks_.all; }

  // A step comes next in which this rank takes so many passes in each micro-batch. All ranks have
  // as many micro-batches. [loop]
  void begin(std::span<const int64_t> passes);
  // A forward and backward pass comes next, the last one of this rank in the step or not. Each unit
  // of the gradients is summed over the ranks from when it is complete. In the first pass it is
  // only watched whether the gradients of the segments are complete when the model says so; where
  // they are not, that is said, and gradients are summed after the backward pass. [loop]
  void begin_pass(bool last);
  void end_pass();
  // The passes that other ranks take in this micro-batch and this one does not. [loop]
  void pass_by(size_t micro_batch);

  struct Sums {
    double loss;
    bool stop;  // a rank was asked to
  };
  // The gradients that each rank keeps are sums over the ranks when it returns, and so is `loss`.
  // Ranks that had no pass call it all the same. Throws RankLost. [loop]
  Sums finish(double loss, bool stop);

  // The L2 norm over all gradients, the same on every rank. [loop]
  double grad_norm();

  // After an update that the ranks shared (Sharding::cuts_updates): every rank gets the slices of
  // all. Without that, and where weights are gathered when they are read, nothing. [loop]
  void gather_weights();

  // What callbacks asked for the step. Throws Error where those of another rank asked for something
  // else: the weights would part. [loop]
  void require_same(const TrainAccess::Step& asked);

 private:
  // Segments from this one on are behind in the backward pass.
  void told(int32_t segment);
  void begin_down_to(int segment);
  void watch_down_to(int segment);
  void judge_what_was_watched();
  void exchange_the_rest();

  const RankGrid ranks_;
  Model& model_;
  const bool every_pass_;  // exchanges
  UnitExchange exchange_;
  std::vector<size_t> units_;  // that are trained
  size_t begun_ = 0;           // of them, in this pass
  // From the last segment down to the one above this the backward pass tells.
  int32_t lowest_ = 0;
  int32_t next_ = 0;                 // the segment that was not yet behind
  std::vector<int64_t> own_, most_;  // passes in each micro-batch
  enum class Overlap { kUnknown, kWatched, kYes, kNo } overlap_ = Overlap::kUnknown;
  std::vector<double> squares_;  // of each unit, when it was said to be complete
};

// Whether what ranks keep in several places has the same bits there. Throws Error where it differs,
// with `when` ("at the start"). [loop]
void require_equal_weights(const RankGrid& ranks, const FlatParameters& parameters,
                           const char* when);

}  // namespace slipway
