// From the run's own state.
#include "api/told_state.h"

namespace slipway {

RunState told(const Run& run) {
  const TrainerState& s = run.state;
  RunState out;
  out.global_step = s.global_step;
  out.max_steps = s.max_steps;
  out.num_input_tokens_seen = s.num_input_tokens_seen;
  out.best_global_step = s.best_global_step;
  out.epoch = s.epoch;
  out.num_train_epochs = static_cast<double>(s.num_train_epochs);
  out.total_flos = s.total_flos;
  out.best_metric = s.best_metric;
  out.best_model_checkpoint = s.best_model_checkpoint;
  for (const Json& row : s.log_history) {
    Metrics& metrics = out.log_history.emplace_back();
    for (const auto& [name, value] : row.items())
      if (value.is_number()) metrics[name] = value.get<double>();
  }
  const bool rounds = run.stage.rounding != Rounding::kNone,
             on_gpu = run.config.text("train", "device") == "cuda";
  out.use_cuda_amp = rounds && on_gpu;
  out.use_cpu_amp = rounds && !on_gpu;
  out.do_grad_scaling = run.scaler != nullptr;
  if (run.scaler != nullptr) out.loss_scale = run.scaler->scale();
  return out;
}

}  // namespace slipway
