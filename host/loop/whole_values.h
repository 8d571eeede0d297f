// Values that ranks keep in slices, whole for the one that writes them, unit by unit, so that no
// rank ever has all of them; or written by each rank itself.
#pragma once
#include <vector>

#include "dist/rank_grid.h"
#include "model/model.h"
#include "operators/host_copy.h"
#include "optim/optimizer.h"
#include "weights/slices.h"

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
  // The same for those who write files: what they are told of before they read, and where they
  // find a tensor of the run. As long as this lives.
  BeforeReading before_reading();
  HostValues host_values();
  // Whether write_slices() writes weights too: not adapters, which are small, and lie in a file of
  // their own.
  bool slices_weights() const;
  // On rank 0: each rank writes what it keeps into a file of its own in `folder`, all at once; then
  // the table (weights/slices.h). Throws Error where one of them cannot.
  void write_slices(const fs::path& folder, bool with_state);
  void done();
  void serve();

 private:
  struct Wanted {
    int64_t what = kNothing;  // or a slot's number
    int64_t unit = 0;
    bool operator==(const Wanted&) const = default;
  };
  static constexpr int64_t kSlices = -3, kNothing = -2, kWeights = -1;

  Wanted wanted_at(const float* values) const;
  // What every rank does when rank 0 wants something.
  void give(const Wanted& wanted);
  void release();
  // What every rank does of write_slices().
  void write_own_slices(const std::string& folder, bool with_state);
  SliceTable slice_table(bool with_state) const;
  at::Tensor own_of(const Wanted& wanted) const;
  at::Tensor whole_of(const Wanted& wanted) const;

  const RankGrid ranks_;
  FlatParameters& parameters_;
  const Optimizer& optimizer_;
  std::vector<Optimizer::Slot> slots_;
  Wanted here_;
};

}  // namespace slipway
