// The factor on the loss that keeps gradients within the range of float16, and what becomes of it:
// torch.amp.GradScaler's rule, with DeepSpeed's hysteresis and its least scale.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "weights/torch_value.h"

namespace slipway {

// Names and defaults are those of torch.amp.GradScaler, and from hysteresis on DeepSpeed's.
struct GradScalerSettings {
  double init_scale = 65536, growth_factor = 2, backoff_factor = 0.5;
  int64_t growth_interval = 2000;
  // the overflow that lowers the scale, counted since it last grew; those before only skip their
  // step. DeepSpeed's default is 2
  int64_t hysteresis = 1;
  // those before are counted since the last step without one instead
  bool consecutive_hysteresis = false;
  double min_loss_scale = 1;  // lower it does not get: an overflow there ends the run
  // over 0, in the place of growth_interval: so many steps besides the first of the run, or after
  // an overflow, let the scale grow
  int64_t loss_scale_window = 0;
  // over 0: the scale, which stays, however often gradients overflow. All else has no say then
  double loss_scale = 0;
};

// [loop]
class GradScaler {
 public:
  // Throws Error on values that make no sense.
  explicit GradScaler(const GradScalerSettings& settings);

  // The loss of the step that is under way, and with it every gradient, is so many times as large.
  double scale() const { return scale_; }
  // A step is over; `overflowed`: a gradient was not finite on some rank, and no weight was
  // changed. Whether training may go on: not where the scale is the least already. Then nothing
  // changes. One that stays goes on.
  [[nodiscard]] bool update(bool overflowed);

  // scaler.state_dict(), for scaler.pt.
  TorchValue torch_state() const;
  // Goes on from the scale and the count of steps in such a file, `origin`. Returns what the
  // settings say otherwise, a sentence each; the settings are used. Throws Error beginning with
  // `origin` when it is no such state.
  std::vector<std::string> restore_torch(const TorchValue& state, const std::string& origin);

  // Overflows that the scale bears before it is lowered, of which torch's file knows nothing.
  int64_t overflows_left() const { return overflows_left_; }
  void restore_overflows_left(int64_t count);

 private:
  bool stays() const { return settings_.loss_scale > 0; }
  int64_t interval() const;
  int64_t first_count() const { return settings_.loss_scale_window > 0 ? -1 : 0; }

  GradScalerSettings settings_;
  float scale_;         // as torch holds it
  int64_t good_steps_;  // since the scale changed; -1: the next is not counted
  int64_t overflows_left_;
};

}  // namespace slipway
