// The files.
#include "record/resume_files.h"

#include "optim/optimizer_file.h"
#include "optim/scheduler_file.h"
#include "record/rng_state.h"

namespace slipway {

std::vector<CheckpointFile> resume_files(const ResumePoint& at) {
  StoredRates rates{at.learning_rate, std::nullopt};
  if (at.schedule != nullptr) rates.next = at.schedule->at(at.schedule_step);
  if (at.schedule != nullptr && !at.schedule->adaptive()) rates.initial = at.learning_rate;
  std::vector<CheckpointFile> out;
  out.push_back({"optimizer.pt", [at, rates](const fs::path& path) {
                   write_optimizer(path, at.optimizer, at.parameters, rates);
                 }});
  if (at.schedule != nullptr)
    out.push_back({"scheduler.pt", [at](const fs::path& path) {
                     write_scheduler(path, *at.schedule, at.schedule_step);
                   }});
  out.push_back({"rng_state.pth", [at](const fs::path& path) { write_rng_state(path, at.seed); }});
  return out;
}

}  // namespace slipway
