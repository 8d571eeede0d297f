// The files.
#include "record/resume_files.h"

#include <memory>

#include "optim/optimizer_file.h"
#include "optim/scheduler_file.h"
#include "record/rng_state.h"
#include "weights/torch_file.h"

namespace slipway {

std::vector<CheckpointFile> resume_files(const ResumePoint& at) {
  StoredRates rates{at.learning_rate, std::nullopt};
  if (at.schedule != nullptr) rates.next = at.schedule->at(at.schedule_step);
  if (at.schedule != nullptr && !at.schedule->adaptive()) rates.initial = at.learning_rate;
  std::vector<CheckpointFile> out;
  const auto optimizer = std::make_shared<const OptimizerFile>(at.optimizer, at.parameters, rates,
                                                               at.values, at.slots);
  out.push_back({"optimizer.pt", [optimizer, before = at.before_reading](const fs::path& path) {
                   optimizer->write(path, before);
                 }});
  if (at.schedule != nullptr)
    out.push_back({"scheduler.pt", [state = scheduler_state(*at.schedule, at.schedule_step)](
                                       const fs::path& path) { write_torch_file(path, state); }});
  if (at.scaler != nullptr)
    out.push_back({"scaler.pt", [state = at.scaler->torch_state()](const fs::path& path) {
                     write_torch_file(path, state);
                   }});
  for (int64_t rank = 0; rank < at.ranks; ++rank)
    out.push_back({at.ranks == 1 ? "rng_state.pth" : fmt::format("rng_state_{}.pth", rank),
                   [seed = at.seed](const fs::path& path) { write_rng_state(path, seed); }});
  return out;
}

}  // namespace slipway
