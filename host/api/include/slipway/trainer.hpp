// trainer.hpp -- a run: training, and what can be asked of the model afterwards.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "slipway/callback.h"
#include "slipway/generator.hpp"
#include "slipway/run_file.hpp"

namespace slipway {

using Metrics = std::map<std::string, double>;

// A callback that is an object of this program, not a plugin in a file. Everything is called on the
// thread that trains.
class TrainerCallback {
 public:
  virtual ~TrainerCallback() = default;
  // "org.example.watch": names it in errors and checkpoints
  virtual std::string id() const = 0;
  // bit (1 << SLW_ON_STEP_END) for each event that is wanted
  virtual uint64_t events() const = 0;
  virtual int32_t order() const { return 0; }  // lower runs first; the host's own flow runs at 0
  // Sets and clears bits of `control` (SLW_STOP_TRAINING, SLW_DO_SAVE, ...). What it throws ends
  // the run.
  virtual void on_event(const slw_event& event, uint32_t& control) = 0;
  // The plugin host's services (slipway.host.train/1: weights, gradients, the step's learning
  // rate); lives as long as the run.
  virtual void attach(const slw_host*) {}
  virtual std::string save() const { return ""; }  // state for checkpoints
  virtual void load(const std::string&) {}
};

// Where a run stands, under the Hugging Face Trainer's names.
struct RunState {
  int64_t global_step = 0, max_steps = 0, num_input_tokens_seen = 0, best_global_step = 0;
  double epoch = 0, num_train_epochs = 0, total_flos = 0;
  std::optional<double> best_metric;
  std::string best_model_checkpoint;
  std::vector<Metrics> log_history;  // the numbers of each logged row
  // Whether products round their operands (train.bf16, train.fp16), on a GPU and on the processor;
  // whether the loss is scaled for it (train.fp16), and by how much now.
  bool use_cuda_amp = false, use_cpu_amp = false, do_grad_scaling = false;
  double loss_scale = 1;
};

struct TrainOptions {
  // "" = anew; "true" = from the newest checkpoint of the output folder; else a checkpoint
  std::string resume;
  std::filesystem::path profile;  // where to write a trace for ui.perfetto.dev; "" = none
  // SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 save and stop while the run lives; a second SIGINT
  // or SIGTERM ends the process.
  bool stop_on_signals = false;
  std::string trial;  // of a search, for the state: {"name": ..., "params": {...}}; "" = none
  // The logger `console` shows the run on standard error, unless train.disable_tqdm says no; a
  // [[logger]] block for it does so anyway.
  bool console = false;
  // Called once the run has taken its folder: from then on `resume` = "true" goes on with it, and
  // with no earlier run that lay there.
  std::function<void()> on_begun = {};
};

struct TrainResult {
  std::string outcome;  // "completed", "stopped: a callback asked for it", ...
  bool completed = false;
  Metrics metrics;  // the last value of everything that was logged
};

// Trains as a run file says, and keeps the model for what comes after.
class Trainer {
 public:
  // Checks everything that can be checked before anything is built, and reads the data.
  explicit Trainer(RunFile run);
  ~Trainer();
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;

  // Callbacks run beside those of the run file, equal orders in the order of adding. From the next
  // train() on.
  void add_callback(std::shared_ptr<TrainerCallback> callback);
  // Takes the first one of that id out, and returns it; nullptr when there is none.
  std::shared_ptr<TrainerCallback> remove_callback(const std::string& id);

  // Trains from the weights that the run file names (or from scratch, or from the checkpoint):
  // every call is a run of its own.
  TrainResult train(const TrainOptions& options = {});
  // The last call's, also when it threw.
  const RunState& state() const;

  // What follows uses the trained model; before train(), the run file's.
  // Lets it write, as Generator::generate() does.
  std::vector<GeneratedText> generate(const std::vector<std::string>& prompts,
                                      const GenerateOptions& options = {},
                                      const OnText& on_text = {});
  // Writes a folder that from_pretrained reads: model.safetensors, config.json, tokenizer files.
  void save_model(const std::filesystem::path& folder);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace slipway
