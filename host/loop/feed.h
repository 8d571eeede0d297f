// What a training stage is fed: the examples of one optimizer step after the other, epoch by epoch.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "base/json.h"
#include "data/data_order.h"
#include "data/packing.h"

namespace slipway {

// The examples of one optimizer step: this process's share of its accumulation group. Good until
// the next is asked for.
struct StepExamples {
  std::vector<std::vector<const Example*>> micro_batches;
  // Of all processes that share the step: what each of its micro-batches has of tokens, and all of
  // them together of tokens that carry loss.
  std::vector<int64_t> tokens;
  int64_t labels = 0;
  double epoch = 0;  // epochs of the stage that are done when the step is
  // Where the examples lie: an example's number in its epoch is its distance from `first`, plus
  // `before`.
  const Example* first = nullptr;
  uint32_t before = 0;
};

// Knows where it stands: between two steps of an epoch, or at the end of one.
class Feed {
 public:
  virtual ~Feed() = default;

  virtual int64_t epoch() const = 0;  // the one under way, from 0
  virtual int64_t done() const = 0;   // steps of the stage that were given or passed over

  // The next step of the epoch under way; nothing when that is at its end. Throws Error when
  // examples cannot be read.
  virtual std::optional<StepExamples> next() = 0;

  // Whether it is known that nothing is left of the epoch; only next() finds a stream's end.
  virtual bool ended() const = 0;
  // Passes over what is left of the epoch.
  virtual void finish_epoch() = 0;
  // From an epoch's end to the begin of the next.
  virtual void begin_epoch() = 0;
  // Waits for what is made ahead; nothing more is until the next next().
  virtual void pause() {}

  // What a checkpoint keeps, beside done(), to go on from here.
  virtual Json place() const { return Json::object(); }
};

// Examples in memory, in the order that DataOrder says.
class OrderedFeed : public Feed {
 public:
  // `examples` outlive this, and are the same in every process; this one has the share `rank`.
  // `done`: steps of the stage that were done before; at an epoch's last step it stands at that
  // epoch's end. Throws Error when the examples make no micro-batch for each process.
  OrderedFeed(std::span<const Example> examples, const OrderSettings& settings, int64_t done = 0,
              int64_t rank = 0);

  int64_t epoch() const override { return epoch_; }
  int64_t done() const override { return epoch_ * shape_.steps + step_; }
  std::optional<StepExamples> next() override;
  bool ended() const override { return step_ == shape_.steps; }
  void finish_epoch() override { step_ = shape_.steps; }
  void begin_epoch() override;

 private:
  std::span<const Example> examples_;
  size_t rank_;
  DataOrder order_;
  EpochShape shape_;
  int64_t epoch_ = 0, step_ = 0;    // steps done of the epoch
  std::vector<EpochOrder> shares_;  // of each process; once they are needed
};

}  // namespace slipway
