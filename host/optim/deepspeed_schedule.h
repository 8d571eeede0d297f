// DeepSpeed's learning-rate schedules (0.17, runtime/lr_schedules.py). WarmupLR, WarmupDecayLR and
// WarmupCosineLR are one update behind their peers: the first two updates of a run have the lowest
// rate. OneCycle and LRRangeTest take no warm-up.
#pragma once
#include <string_view>

#include "optim/schedule.h"
#include "optim/schedule_factor.h"
#include "optim/schedule_options.h"

namespace slipway {

bool is_of_deepspeed(std::string_view schedule);

// The schedule that settings.name names. Options of the warm-ups: warmup_type (log, linear),
// total_num_steps (else the run's), warmup_min_lr; of the cosine warmup_min_ratio and
// cos_min_ratio. Of OneCycle, whose learning_rate is the highest rate: cycle_min_lr,
// cycle_first_step_size, cycle_second_step_size, decay_step_size, decay_lr_rate. Of LRRangeTest,
// which begins at learning_rate: lr_range_test_step_size, lr_range_test_step_rate,
// lr_range_test_staircase. Throws Error on one that makes no sense.
Factor deepspeed_factor(const ScheduleSettings& settings, ScheduleOptions& options);

}  // namespace slipway
