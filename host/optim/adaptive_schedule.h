// Schedules that go by the metric of each evaluation.
#pragma once
#include <memory>

#include "optim/schedule.h"
#include "optim/schedule_options.h"

namespace slipway {

// "reduce_lr_on_plateau": less after `patience` evaluations that were not better (torch's
// ReduceLROnPlateau).
std::unique_ptr<Schedule> make_plateau_schedule(double learning_rate, ScheduleOptions& options);

// "greedy": more while evaluations get better, less while they do not ("GreedyLR: A Novel Adaptive
// Learning Rate Scheduler", arXiv 2512.14527).
std::unique_ptr<Schedule> make_greedy_schedule(double learning_rate, ScheduleOptions& options);

}  // namespace slipway
