// What a checkpoint holds beside the model so that training can go on, in the files of the Hugging
// Face Trainer: optimizer.pt, scheduler.pt, scaler.pt, rng_state.pth.
#pragma once
#include <vector>

#include "operators/accelerator/device_tensors.h"
#include "operators/host_copy.h"
#include "optim/grad_scaler.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "record/checkpoint.h"

namespace slipway {

// Where training stands. Weights and the optimizer's state outlive the files' writing; what is
// written of them is what `values` gives then, and of the rest what is true now.
struct ResumePoint {
  Optimizer& optimizer;
  const FlatParameters& parameters;
  const Schedule* schedule;  // nullptr before the first stage: there is no scheduler.pt then
  int64_t schedule_step;     // updates that the schedule has seen
  double learning_rate;      // the peak
  const GradScaler* scaler;  // nullptr where none scales: there is no scaler.pt then
  uint64_t seed;             // of the generators that a resumed peer draws from
  HostValues values = on_host;
  int64_t ranks = 1;                        // each has generators; all begin with the seed
  std::vector<Optimizer::Slot> slots = {};  // of all ranks, where they share the updates
  BeforeReading before_reading = {};        // called with the address of what is read of them
};

std::vector<CheckpointFile> resume_files(const ResumePoint& at);

}  // namespace slipway
