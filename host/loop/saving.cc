// Copying, writing, waiting.
#include "loop/saving.h"

#include <algorithm>
#include <utility>

#include "base/available_memory.h"
#include "base/error.h"
#include "base/log.h"
#include "loop/stops_at.h"
#include "plugin/services.h"

namespace slipway {
namespace {

// What writing needs beside the copy: a thread's memory, buffers.
constexpr uint64_t kBeside = uint64_t{256} << 20;

}  // namespace

std::nullptr_t Saving::waits(const std::string& why) {
  if (!std::exchange(told_, true))
    log_info("training waits while checkpoints are written: {}", why);
  return nullptr;
}

std::shared_ptr<const HostCopy> Saving::copy(const FlatParameters& parameters, Optimizer& optimizer,
                                             bool told_of_each) {
  // a run that stops would wait for it anyway
  if (!config_.flag("train", "async_save") || !copies_fit_ || stop_requested()) return nullptr;
  if (told_of_each) return waits("a callback is told of each (on_save), and finds it complete");
  std::vector<at::Tensor> buffers;
  const bool adapters = std::ranges::any_of(parameters.specs(), &ParameterSpec::adapter);
  for (const FlatParameters::Group& group : parameters.groups())
    if (group.trainable || !adapters) buffers.push_back(group.weights);  // what is written
  if (!config_.flag("train", "save_only_model") && optimizer.step_count() > 0 &&
      !optimizer.is_shared())
    for (const Optimizer::Slot& slot : optimizer.slots())
      buffers.insert(buffers.end(), slot.buffers.begin(), slot.buffers.end());
  uint64_t bytes = 0;
  for (const at::Tensor& buffer : buffers) bytes += buffer.nbytes();
  const uint64_t free = available_memory();
  std::shared_ptr<const HostCopy> out;
  if (free == 0 || bytes + kBeside <= free) out = HostCopy::of(buffers);
  if (out == nullptr)
    return waits(fmt::format("a copy of {:.2f} GiB does not fit into the memory that is free",
                             static_cast<double>(bytes) / 0x1p30));
  return out;
}

void Saving::write(int64_t step, std::vector<CheckpointFile> files, const Rotation& rotation,
                   bool behind) {
  auto write = [step, folder = config_.output_dir, files = std::move(files), rotation] {
    write_checkpoint(folder, step, files);
    rotate_checkpoints(folder, rotation);
  };
  if (!behind) return write();
  folder_ = (config_.output_dir / fmt::format("checkpoint-{}", step)).string();
  thread_.begin(std::move(write));
}

void Saving::finish() {
  if (!thread_.begun()) return;
  const PhaseScope phase(&clock_, Phase::kSave);
  const StopsAt stops("when this checkpoint is written");
  folder_.clear();
  thread_.finish();
}

}  // namespace slipway
