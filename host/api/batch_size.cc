// The search for a batch that fits.
#include "api/batch_size.h"

#include <algorithm>

#include "base/log.h"
#include "base/place.h"
#include "loop/checkpoint.h"
#include "loop/out_of_memory.h"
#include "loop/state.h"

namespace slipway {
namespace {

int64_t& integer(RunConfig& config, const char* key) { return config.resolved["train"][key].i; }

// As the Hugging Face Trainer's: 0.9 times as large, rounded down.
int64_t smaller(int64_t value) { return value * 9 / 10; }

// Removes what has come into the folder since.
void remove_what_came(const fs::path& folder, const std::vector<fs::path>& before) {
  if (latest_checkpoint(folder, nullptr)) return;
  for (const fs::path& path : list_folder(folder))
    if (std::ranges::find(before, path) == before.end()) remove_path(path);
}

}  // namespace

void find_batch_size(RunConfig& config, const std::optional<fs::path>& checkpoint, const std::function<void(FolderBefore&)>& train) {
  FolderBefore before;
  if (!config.flag("train", "auto_find_batch_size")) return train(before);
  int64_t &batch = integer(config, "per_device_train_batch_size"), &tokens = integer(config, "max_tokens_per_batch");
  if (checkpoint) {
    const fs::path file = *checkpoint / "trainer_state.json";
    batch = TrainerState::from_json(parse_json(read_file(file), file.string()), file.string()).train_batch_size;
  }
  for (;;) {
    std::string why;
    before.reset();
    try {
      return train(before);
    } catch (const OutOfMemory& e) {
      why = e.what();
    }
    if (checkpoint) fail("{} (train.auto_find_batch_size: a run that is resumed keeps its batch size of {}; begin a new one)", why, batch);
    if (smaller(batch) == 0) fail("{} (train.auto_find_batch_size: no batch size is left to try)", why);
    log_warn("{}: beginning anew with train.per_device_train_batch_size = {} instead of {}", why, smaller(batch), batch);
    batch = smaller(batch);
    if (tokens > 0) tokens = std::max<int64_t>(1, smaller(tokens));
    if (before) remove_what_came(config.output_dir, *before);
  }
}

}  // namespace slipway
