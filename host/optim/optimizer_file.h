// optimizer.pt: an optimizer's state as the state_dict of the peer's class of the same name
// (torch.optim, transformers' Adafactor, lion-pytorch), so that either side goes on from the
// other's. Parameters are numbered as the Hugging Face Trainer numbers them: those that take weight
// decay first, then the rest, each in the order of transformers' modules.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/host_copy.h"
#include "optim/optimizer.h"
#include "optim/parameter_numbers.h"
#include "weights/slices.h"

namespace slipway {

// The rates that a parameter group keeps.
struct StoredRates {
  double next = 0;                // of the update that comes next
  std::optional<double> initial;  // "initial_lr", which schedules by formula leave there
};

// What the file says of the optimizer as it is now; where `values` gives a copy, it may step on
// before the file is written. Weights and state outlive it.
class OptimizerFile {
 public:
  // `slots`: those of all processes, where updates are shared; else the optimizer's.
  OptimizerFile(Optimizer& optimizer, const FlatParameters& parameters, const StoredRates& rates,
                HostValues values = on_host, std::vector<Optimizer::Slot> slots = {});
  // Streams the state to `path`, calling before_reading() with the address of each tensor; those on
  // the processor are not copied first. Without a step done the state is empty, as the peer's is.
  // Throws Error. [any thread]
  void write(const fs::path& path, const BeforeReading& before_reading = {}) const;

 private:
  class Borrowed;
  TorchValue state(Borrowed& borrowed) const;
  TorchValue group(bool decays, size_t first, size_t count) const;

  Optimizer::TorchLayout layout_;
  int64_t steps_;
  std::vector<Optimizer::Slot> slots_;
  NumberedParameters numbered_;
  StoredRates rates_;
  HostValues values_;
};

struct ReadOptimizer {
  std::optional<int64_t> steps;  // done; none where the optimizer does not count
  // options that the run file sets otherwise, a sentence each: the run file's are used
  std::vector<std::string> differences;
};

// Fills the optimizer's state from `path`; its step count stays as it is. Throws Error naming file,
// entry and fix when the file was written for another optimizer or another model.
ReadOptimizer read_optimizer(const fs::path& path, Optimizer& optimizer,
                             const FlatParameters& parameters);

// The same for the slices that ranks wrote (weights/slices.h), on any number of ranks.
void read_sliced_optimizer(const SlicedFiles& files, const Optimizer& optimizer,
                           const FlatParameters& parameters);

// The same for optimizer.safetensors, which earlier versions wrote.
void read_flat_optimizer(const fs::path& path, Optimizer& optimizer);

}  // namespace slipway
