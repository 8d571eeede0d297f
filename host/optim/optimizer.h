// What an update of the weights is made of, over the flat buffers: one pass over all of a group.
// The names are those of Hugging Face's `optim`, the formulas torch.optim's.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/parameters.h"
#include "weights/torch_value.h"

namespace slipway {

struct OptimizerSettings {
  std::string name = "adamw_torch";
  std::string options;  // optim_args: "momentum=0.9, nesterov=true"
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.0;
  // an accelerator's state lies in the processor's memory, and updates are computed there
  bool offloaded = false;
};

class Optimizer {
 public:
  // One kind of state, such as exp_avg.
  struct Slot {
    std::string name;  // as torch.optim calls it
    // of each trainable group; where updates are shared, of the slice of each trained unit that
    // this process updates
    std::vector<at::Tensor> buffers;
    // of each parameter of the trainable groups, in their order; undefined where it has none. None
    // where updates are shared.
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
  const std::vector<Slot>& slots() const { return slots_; }
  // Whether each process keeps the state of its slices alone (Sharding::cuts_updates).
  bool is_shared() const { return shared_; }
  // The slots as they are where nothing is shared, and no memory behind them until it is written
  // (PageBuffer::Released::kZeros).
  std::vector<Slot> whole_slots() const;
  // What this process keeps of a slot of the parameter that specs()[index] declares, in a row:
  // values [offset, offset + n) of it. Undefined where the slot has nothing of it.
  struct OwnState {
    at::Tensor values;
    int64_t offset = 0;
  };
  OwnState own_state(size_t slot, size_t index) const;
  // This process's slice of a slot of a unit; undefined where it is not trained.
  at::Tensor own_slice(size_t slot, size_t unit) const;
  // Which of slots() is `slot`; throws Error when there is none.
  size_t slot_number(std::string_view slot) const;
  // The state `slot` of a parameter; throws Error when there is none, and where it is shared.
  at::Tensor state(const at::Tensor& weight, std::string_view slot);

 protected:
  struct Update {
    double learning_rate, grad_scale;
    int64_t step;  // from 1
  };
  // `parameters` must outlive the optimizer; `name` is a literal.
  Optimizer(FlatParameters& parameters, const OptimizerSettings& settings, const char* name);

  // Updates the weights of the trainable group `group`, the `index`-th of them, or those of a slice
  // of it, the `index`-th that this process updates, which has no places.
  virtual void update(FlatParameters::Group& group, size_t index, const Update& update) = 0;
  // A slot that is laid out as the weights are. Returns its number.
  size_t add_flat_slot(const std::string& name);
  // Throws Error where updates are shared, which go by values and not by parameters.
  void require_whole() const;
  float* flat(size_t slot, size_t index) { return slots_[slot].buffers[index].data_ptr<float>(); }

  std::vector<FlatParameters::Group*> groups_;  // the trainable ones
  std::vector<Slot> slots_;

 private:
  void add_views(Slot& slot) const;  // into buffers of whole groups

  const FlatParameters& parameters_;
  const bool shared_;
  void offload();

  std::vector<FlatParameters::Group> own_;  // what update() gets, one after the other
  // where it is offloaded, what these are copies of; else empty
  std::vector<FlatParameters::Group> there_;
  std::vector<size_t> own_units_;  // where updates are shared: the units of these
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
