// DeepSpeed's learning-rate schedules (0.17, runtime/lr_schedules.py): WarmupLR, WarmupDecayLR,
// WarmupCosineLR. They are one update behind their peers: the first two updates of a run have the
// lowest rate.
#pragma once
#include <string_view>

#include "optim/schedule.h"
#include "optim/schedule_factor.h"
#include "optim/schedule_options.h"

namespace slipway {

bool is_of_deepspeed(std::string_view schedule);

// The schedule that settings.name names. Options: warmup_type (log, linear), total_num_steps (else
// the run's), warmup_min_lr; of the cosine warmup_min_ratio and cos_min_ratio. Throws Error on one
// that makes no sense.
Factor deepspeed_factor(const ScheduleSettings& settings, ScheduleOptions& options);

}  // namespace slipway
