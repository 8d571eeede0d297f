// The weights of the segments that compute now, where processes cut weights among them (ZeRO-3):
// gathered before a segment reads them, the next segment's meanwhile, and released behind it.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "dist/rank_group.h"
#include "model/parameters.h"

namespace slipway {

class WeightWindow {
 public:
  // Of weights that the ranks of the group cut; both outlive this. `travels_as`: float32, or
  // bfloat16, to which weights are rounded for the way: what segments read is rounded then, on
  // every rank, and the slices that ranks keep are not. Every rank makes the same calls in the same
  // order. All throw RankLost. [loop]
  WeightWindow(RankGroup& ranks, FlatParameters& parameters, int32_t segments,
               at::ScalarType travels_as = at::kFloat);
  ~WeightWindow();
  WeightWindow(const WeightWindow&) = delete;
  WeightWindow& operator=(const WeightWindow&) = delete;

  // A forward pass begins: the segments are entered one after the other.
  void begin_forward() { backward_ = false; }
  // Its weights are there when it returns, and those of the next are on their way; the others' are
  // released. What is computed again in a backward pass finds its weights there.
  void enter(int32_t segment);
  // The segments from this one on are behind in the backward pass: the weights of the one below are
  // there when it returns, those of the one below that on their way.
  void behind(int32_t segment);
  // What a pass calls, without computing: for a rank that has nothing to compute while others do.
  void pass_by();
  // No weights are there but the slices.
  void rest();

  // From here on all weights are there, in float32, whatever is entered; until as many calls of
  // let_go().
  void hold_all();
  void let_go();

 private:
  enum class Unit { kAway, kComing, kThere };
  bool is_read_by(size_t unit, int32_t segment) const;
  // Those that `segment` reads are there, those of `next` begun, all others released.
  void move_to(int32_t segment, int32_t next);
  void gather(size_t unit, at::ScalarType travels_as);
  void wait(size_t unit);
  void release(size_t unit);

  RankGroup& ranks_;
  FlatParameters& parameters_;
  const int32_t segments_;
  const at::ScalarType travels_as_;
  struct Coming {
    std::unique_ptr<Exchange> exchange;
    at::Tensor rounded;  // where the weights come to first; none: to their own place
  };
  std::vector<Unit> state_;
  std::vector<Coming> coming_;
  bool backward_ = false;
  int held_ = 0;
};

}  // namespace slipway
