// A model's weights and gradients in flat buffers that the host owns: one pair for every (decay,
// trainable) group, each parameter a view into them. One optimizer call, one norm, one copy then
// serves the whole group.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "compute/torch.h"

namespace slipway {

struct ParameterSpec {
  enum class Init { kZero, kOne, kNormal, kUniform };
  std::string name;  // Hugging Face's name
  std::vector<int64_t> shape;
  bool trainable = true;
  bool decay = true;  // takes weight decay
  int tied_to = -1;   // index of the parameter whose storage it shares
  int segment = -1;   // of the model, that reads it; -1 = not known
  Init init = Init::kNormal;
  double init_scale = 0.02;
};

class FlatParameters {
 public:
  // Where a parameter lies in its group's buffers.
  struct Place {
    size_t index;  // of its spec
    int64_t offset, count;
    std::vector<int64_t> shape;
  };
  struct Group {
    bool decay, trainable;
    at::Tensor weights, grads;  // [n] float32; grads undefined when not trainable
    std::vector<Place> places;  // in the order of the specs
  };

  // Allocates; weights hold zeros. Throws Error on a tie that does not fit and on sizes that no
  // memory can hold.
  explicit FlatParameters(std::vector<ParameterSpec> specs);

  // Of a group's buffers, which part process `rank` updates; all of it until share_updates().
  struct Slice {
    int64_t begin, count;
  };
  Slice slice(const Group& group, int64_t rank) const;
  // Updates are shared: each of `ranks` processes updates a slice of every trainable group, this
  // one that of `rank`. Before an optimizer is made.
  void share_updates(int64_t rank, int64_t ranks);
  int64_t rank() const { return rank_; }
  int64_t ranks() const { return ranks_; }  // that share the updates; 1: nobody does

  const std::vector<ParameterSpec>& specs() const { return specs_; }
  std::vector<Group>& groups() { return groups_; }
  const std::vector<Group>& groups() const { return groups_; }

  // The leaf that autograd records; its gradient accumulates into the group's buffer. Tied
  // parameters give one tensor.
  const at::Tensor& tensor(size_t index) const { return tensors_[index]; }
  int64_t trainable_count() const;
  int64_t total_count() const;

  // Draws every parameter by its init rule; equal seeds give equal weights.
  void initialise(uint64_t seed);
  // Fills every untied parameter: read(name, out, count) writes float32 values. Order: as declared.
  void load(const std::function<void(const std::string& name, float* out, int64_t count)>& read);

  void zero_grad();
  // Memory for other use while no gradients are wanted, until zero_grad(): that of the most
  // gradients that lie side by side. Empty on an accelerator, and when nothing is trained.
  std::span<std::byte> lend_grads();
  bool grads_lent() const { return grads_lent_; }
  // L2 norm over all gradients, summed in float64; equal for any number of threads.
  double grad_norm() const;
  void scale_grad(double factor);

 private:
  std::vector<ParameterSpec> specs_;
  std::vector<Group> groups_;
  std::vector<at::Tensor> tensors_;
  bool grads_lent_ = false;
  int64_t rank_ = 0, ranks_ = 1;
};

}  // namespace slipway
