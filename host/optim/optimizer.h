// What an update of the weights is made of, over the flat buffers: one pass over all of a group.
// The names are those of Hugging Face's `optim`, the formulas torch.optim's.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dist/rank_group.h"
#include "model/parameters.h"
#include "weights/torch_value.h"

namespace slipway {

struct OptimizerSettings {
  std::string name = "adamw_torch";
  std::string options;  // optim_args: "momentum=0.9, nesterov=true"
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.0;
};

class Optimizer {
 public:
  // One kind of state, such as exp_avg.
  struct Slot {
    std::string name;  // as torch.optim calls it
    // of each trainable group, or of the slice of it that this process updates
    std::vector<at::Tensor> buffers;
    // of each parameter of the trainable groups, in their order; undefined where it has none, and
    // where updates are shared
    std::vector<at::Tensor> views;
  };

  // How the peer's class writes itself into optimizer.pt (optim/optimizer_file.h).
  struct TorchLayout {
    enum class Step { kNone, kTensor, kInteger };
    double weight_decay = 0;
    // a dict: what a parameter group keeps beside weight decay, rates and parameters, in the
    // class's order
    TorchValue group;
    Step step = Step::kNone;  // how the state of a parameter counts
    bool rms = false;         // whether it holds the root mean square of the parameter
  };

  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // One update from `grad_scale` times the gradients, which stay as they are. [loop]
  void step(double learning_rate, double grad_scale = 1.0);
  // As new: state zero, no steps counted.
  void reset();

  int64_t step_count() const { return step_count_; }
  void restore_step_count(int64_t count) { step_count_ = count; }
  const char* name() const { return name_; }
  virtual TorchLayout torch_layout() const = 0;
  std::vector<Slot>& slots() { return slots_; }
  // Whether each process keeps the state of its slice alone (FlatParameters::share_updates).
  bool is_shared() const { return shared_; }
  // The slots as they are where nothing is shared: zeros.
  std::vector<Slot> whole_slots() const;
  // This process's slice of such slots becomes its state.
  void take_own(const std::vector<Slot>& whole);
  // The slots of all processes together, on rank 0; the buffers of the others are undefined. Every
  // rank calls it. [loop]
  std::vector<Slot> gathered(RankGroup& ranks) const;
  // The state `slot` of a parameter; throws Error when there is none.
  at::Tensor state(const at::Tensor& weight, std::string_view slot);

 protected:
  struct Update {
    double learning_rate, grad_scale;
    int64_t step;  // from 1
  };
  // `parameters` must outlive the optimizer; `name` is a literal.
  Optimizer(FlatParameters& parameters, const char* name);

  // Updates the weights of the trainable group `group`, the `index`-th of them: its buffers are
  // those of the slice that this process updates.
  virtual void update(FlatParameters::Group& group, size_t index, const Update& update) = 0;
  // A slot that is laid out as the weights are. Returns its number.
  size_t add_flat_slot(const std::string& name);
  // Throws Error where updates are shared, which go by values and not by parameters.
  void require_whole() const;
  float* flat(size_t slot, size_t index) { return slots_[slot].buffers[index].data_ptr<float>(); }

  std::vector<FlatParameters::Group*> groups_;  // the trainable ones
  std::vector<Slot> slots_;

 private:
  Slot whole_slot(const std::string& name) const;

  const FlatParameters& parameters_;
  const bool shared_;
  std::vector<FlatParameters::Group> own_;  // what update() gets of each
  const char* name_;
  int64_t step_count_ = 0;
};

// Names that make_optimizer() knows, and what else people may have meant by them.
const std::vector<std::string>& optimizer_names();

// Bytes of state for each weight of a matrix. Throws Error as make_optimizer() does.
double state_bytes_per_weight(const OptimizerSettings& settings);

// Throws Error on a name or an option that is unknown, and on values that make no sense.
std::unique_ptr<Optimizer> make_optimizer(FlatParameters& parameters,
                                          const OptimizerSettings& settings);

}  // namespace slipway
