// Learning-rate schedules under the names of Hugging Face's lr_scheduler_type, with its formulas,
// and DeepSpeed's under theirs.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "weights/torch_value.h"

namespace slipway {

struct ScheduleSettings {
  std::string name = "linear";
  Json options = Json::object();  // lr_scheduler_kwargs
  double learning_rate = 5e-5;    // the peak
  double warmup_steps = 0;        // whole
  int64_t steps = 0;              // updates that the schedule spans
};

class Schedule {
 public:
  virtual ~Schedule() = default;
  // The rate of the update that follows `step` updates.
  virtual double at(int64_t step) const = 0;
  // Adaptive schedules change their rate after an evaluation, by the metric that chooses the best
  // model.
  virtual bool adaptive() const { return false; }
  virtual void evaluated(double /*metric*/) {}
  // What a resumed run goes on from; empty unless adaptive.
  virtual Json state() const { return Json::object(); }
  virtual void restore(const Json& /*state*/) {}
  // The state_dict of the peer's class after `step` updates of `groups` parameter groups.
  virtual TorchValue torch_state(int64_t step, size_t groups) const = 0;
  // Goes on from that. Throws Error beginning with `origin` when it is not of this schedule.
  virtual void restore_torch(const TorchValue& /*state*/, const std::string& /*origin*/) {}
};

// Hugging Face's twelve: linear, cosine, cosine_with_restarts, polynomial, constant,
// constant_with_warmup, inverse_sqrt, reduce_lr_on_plateau, cosine_with_min_lr,
// cosine_warmup_with_min_lr, warmup_stable_decay, greedy; and five of DeepSpeed's
// (optim/deepspeed_schedule.h).
const std::vector<std::string>& schedule_names();

// Whether the schedule of that name is adaptive.
bool goes_by_evaluations(std::string_view name);

// Throws Error on an unknown name, on options that the schedule does not take or needs, and on
// values that make no sense.
std::unique_ptr<Schedule> make_schedule(const ScheduleSettings& settings);

}  // namespace slipway
