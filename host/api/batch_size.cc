// The search for a batch that fits.
#include "api/batch_size.h"

#include <algorithm>

#include "base/log.h"
#include "operators/out_of_memory.h"
#include "record/checkpoint.h"
#include "record/state.h"

namespace slipway {
namespace {

int64_t& integer(RunConfig& config, const char* key) { return config.resolved["train"][key].i; }

// As the Hugging Face Trainer's: 0.9 times as large, rounded down.
int64_t smaller(int64_t value) { return value * 9 / 10; }

}  // namespace

void find_batch_size(RunConfig& config, const std::optional<fs::path>& checkpoint,
                     const std::function<void()>& train) {
  if (!config.flag("train", "auto_find_batch_size")) return train();
  int64_t &batch = integer(config, "per_device_train_batch_size"),
          &tokens = integer(config, "max_tokens_per_batch");
  if (checkpoint) {
    const fs::path file = *checkpoint / "trainer_state.json";
    batch = TrainerState::from_json(parse_json(read_file(file), file.string()), file.string())
                .train_batch_size;
  }
  for (;;) {
    std::string why;
    try {
      return train();
    } catch (const OutOfMemory& e) {
      why = e.what();
    }
    if (checkpoint)
      fail(
          "{} (train.auto_find_batch_size: a run that is resumed keeps its batch size of {}; begin "
          "a new one)",
          why, batch);
    if (smaller(batch) == 0)
      fail("{} (train.auto_find_batch_size: no batch size is left to try)", why);
    log_warn("{}: beginning anew with train.per_device_train_batch_size = {} instead of {}", why,
             smaller(batch), batch);
    batch = smaller(batch);
    if (tokens > 0) tokens = std::max<int64_t>(1, smaller(tokens));
  }
}

}  // namespace slipway
