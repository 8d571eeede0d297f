// How fast a run goes and on what it spends its time, for logged rows. Measured since this process
// began, never saved: nothing that is trained depends on it.
#pragma once
#include "base/json.h"
#include "loop/phase.h"
#include "model/parameters.h"
#include "operators/machine_rate.h"

namespace slipway {

// What a training step computes, in forward passes: one forward, one for the gradients of what
// weights meet, and one for those of the weights, as far as they are trained.
double forward_passes(const FlatParameters& parameters);

class Throughput {
 public:
  // Measuring the machine takes some 20 ms: short runs and first steps are spared it.
  static constexpr double kCalibrateAfter = 10;  // seconds

  // `clock` outlives this. `flops_per_token`: of a training step, forward and backward. `bf16`:
  // products round to bfloat16. `peak`: see operators/machine_rate.h.
  Throughput(PhaseClock& clock, double flops_per_token, bool bf16,
             double calibrate_after = kCalibrateAfter, double (*peak)(bool, double) = machine_peak)
      : clock_(clock),
        flops_per_token_(flops_per_token),
        calibrate_after_(calibrate_after),
        bf16_(bf16),
        peak_(peak) {}

  void add_step(int64_t tokens) { tokens_ += tokens; }

  // Since the last call, over the time spent in training (not in sampling, evaluating, saving):
  // tokens_per_second; mfu, the model's operations as a share of the machine's peak in the run's
  // arithmetic, once `clock` is `calibrate_after` old; share_forward_backward, share_optimizer and
  // share_callbacks, which leave batching and logging as the rest. {} when no step was added.
  // [loop]
  Json step_figures();
  // Since the last call, over all the time that has passed: share_generate, share_score,
  // share_train, share_evaluate and share_save; choosing and writing samples are the rest. [loop]
  Json iteration_figures();

 private:
  PhaseClock& clock_;
  double flops_per_token_, calibrate_after_;
  bool bf16_;
  double (*peak_)(bool bf16, double seen);
  int64_t tokens_ = 0;
  PhaseClock::Seconds at_step_row_{}, at_iteration_row_{};
};

// <split>_runtime, <split>_samples_per_second and <split>_steps_per_second, rounded as Hugging Face
// rounds them. `runtime`: seconds.
Json speed_metrics(const std::string& split, double runtime, double samples, double steps);

// train_runtime and train_tokens_per_second, in the same way.
Json token_speed(double runtime, int64_t tokens);

}  // namespace slipway
